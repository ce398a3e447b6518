"""The queues, and the broker that carries their doorbells.

A doorbell may be lost, doubled or late without harm, so this broker keeps nothing: a ring is pushed to a queue of Redis
or RabbitMQ, a consumer blocks on it and wakes at once. There is no delayed message in a worker's memory, no script, no
housekeeping and no dead letter of the server's, and with them go the ways in which those fail: deploy/decisions.md
names them.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from enum import StrEnum

import dramatiq
from dramatiq.broker import Consumer
from dramatiq.errors import ConnectionClosed
from sqlalchemy.exc import SQLAlchemyError

from tutormax import log, metrics, servers
from tutormax.broker.carrier import MALFORMED_KEPT, BrokerAwayError, Carrier, Parcel
from tutormax.broker.carriers import consumer_on, open_carrier
from tutormax.broker.consumer import DoorbellConsumer, Places
from tutormax.broker.envelope import LARGEST_DOORBELL_BYTES, pack
from tutormax.broker.redis_lists import list_name
from tutormax.errors import PermanentError, TutorMaxError
from tutormax.jobs import ring
from tutormax.jobs.ring import Doorbell, Reason
from tutormax.per_process import PerProcess

__all__ = [
    "BrokerAwayError",
    "Carrier",
    "DelayedMessageError",
    "DoorbellBroker",
    "DoorbellConsumer",
    "Queue",
    "install",
    "list_name",
    "open_carrier",
]

_log = log.get(__name__)

TELL_AGAIN_SECONDS = 1.0
KEEP_AGAIN_SECONDS = 60.0


class Queue(StrEnum):
    """The queues; each scales by itself."""

    DATA_GENERATION = "data_generation"
    EVALUATION = "evaluation"
    PREDICTION = "prediction"
    TRAINING = "training"
    DEFAULT = "default"


class DelayedMessageError(PermanentError):
    """A message was sent with a delay; the ledger knows when a job is due."""


class DoorbellBroker(dramatiq.Broker):
    """Dramatiq's broker over whatever carries doorbells: plain Redis lists, or queues of RabbitMQ."""

    def __init__(
        self,
        url: str | None = None,
        *,
        middleware: Sequence[dramatiq.Middleware] = (),
        fit: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(middleware=list(middleware))
        self._url = url
        self._fit = fit
        # Made on first use, and never inherited by a fork.
        self._carrier = PerProcess(lambda: open_carrier(self.url))
        # Whether a doorbell that is fetched has a thread to itself; said when a worker is up that has one queue.
        self.leases_beforehand = False
        # When each queue's consumer last went round its loop, by a clock that nobody sets.
        self.polled_at: dict[str, float] = {}
        # By queue, because a consumer whose connection failed is replaced while its doorbells are still worked on.
        self.places: defaultdict[str, Places] = defaultdict(Places)
        self._told_at: dict[str, float] = {}
        self._kept_since: dict[str, tuple[float, int]] = {}

    @property
    def url(self) -> str:
        """Where doorbells travel."""
        return self._url or servers.endpoints().broker_url

    @property
    def carrier(self) -> Carrier:
        """This process's connection to the server that carries doorbells."""
        return self._carrier()

    def close(self) -> None:
        """Close this process's connection, if there is one."""
        made = self._carrier.forget()
        if made is not None:
            made.close()

    def declare_queue(self, queue_name: str) -> None:
        """Declare a queue; there is no delay queue beside it."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues[queue_name] = None
            self.emit_after("declare_queue", queue_name)

    def enqueue(self, message: dramatiq.Message[object], *, delay: int | None = None) -> dramatiq.Message[object]:
        """Push one message; raise DelayedMessageError for a delayed one."""
        if delay is not None:
            raise DelayedMessageError(f"a delay of {delay} ms: send the job with run_at= instead")
        self.emit_before("enqueue", message, delay)
        self.carrier.push([Parcel(message.queue_name, message.encode())])
        self.emit_after("enqueue", message, delay)
        return message

    def ring(self, doorbells: Sequence[Doorbell]) -> None:
        """Push doorbells in one round trip, urgent ones and those of crashed workers to the front."""
        self.carrier.push([Parcel(each.queue, pack(each), urgent=_is_urgent(each)) for each in doorbells])
        for doorbell in doorbells:
            metrics.MESSAGES_ENQUEUED.labels(doorbell.queue, doorbell.actor, doorbell.reason).inc()

    def waiting(self, queue: str) -> int:
        """Return how many doorbells a queue holds."""
        return self.carrier.waiting([queue])[queue]

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 30000) -> Consumer:
        """Return a consumer that holds no more doorbells than its worker has threads."""
        self.polled(queue_name)
        self._must_be_fit()
        # Dramatiq asks for twice its threads; a doorbell beyond them would wait here while another worker idles.
        return consumer_on(self, queue_name, limit=max(1, prefetch // 2))

    def _must_be_fit(self) -> None:
        """Let nobody consume before this process can do the work; Dramatiq asks again every few seconds."""
        if self._fit is None:
            return
        try:
            self._fit()
        except (TutorMaxError, SQLAlchemyError) as error:
            why = str(error).splitlines()[0]
            raise ConnectionClosed(f"no work is taken: {why}") from None  # type: ignore[no-untyped-call]  # theirs
        self._fit = None

    def polled(self, queue: str) -> None:
        """Note that a queue's consumer goes round its loop."""
        self.polled_at[queue] = time.monotonic()

    def flush(self, queue_name: str) -> None:
        """Forget the doorbells of a queue; the relay will ring again."""
        self.carrier.flush(queue_name)

    def flush_all(self) -> None:
        """Forget the doorbells of every queue."""
        for queue_name in self.queues:
            self.flush(queue_name)

    def put_aside(self, queue: str, raw: bytes, why: str) -> None:
        """Keep a message that is no doorbell where an operator can look at it."""
        metrics.MESSAGES_MALFORMED.labels(queue).inc()
        # All are counted, a thousand a minute are kept and one a second is told: thousands would hold up the work.
        if time.monotonic() - self._told_at.get(queue, -TELL_AGAIN_SECONDS) >= TELL_AGAIN_SECONDS:
            self._told_at[queue] = time.monotonic()
            _log.warning("malformed message put aside", queue=queue, why=why, bytes=len(raw))
        if self._is_kept(queue):
            self.carrier.put_aside(queue, raw[:LARGEST_DOORBELL_BYTES])

    def _is_kept(self, queue: str) -> bool:
        """Tell whether a message that is put aside is among those of this minute that are kept."""
        now = time.monotonic()
        began, kept = self._kept_since.get(queue, (now, 0))
        if now - began > KEEP_AGAIN_SECONDS:
            began, kept = now, 0
        self._kept_since[queue] = began, kept + 1
        return kept < MALFORMED_KEPT


def install(
    url: str | None = None,
    *,
    middleware: Sequence[dramatiq.Middleware] = (),
    fit: Callable[[], None] | None = None,
) -> DoorbellBroker:
    """Make this process's broker and let the ledger ring through it.

    Workers give it their middleware, and what raises while they cannot work.
    """
    broker = DoorbellBroker(url, middleware=middleware, fit=fit)
    dramatiq.set_broker(broker)
    ring.use(broker)
    return broker


def _is_urgent(doorbell: Doorbell) -> bool:
    # A job whose worker died has waited for its lease to run out; it must not wait for the whole queue as well.
    return doorbell.priority > 0 or doorbell.reason is Reason.RECOVERY
