"""The queues, and the broker that carries their doorbells.

A doorbell may be lost, doubled or late without harm, so this broker keeps nothing: a queue is one Redis list, a ring
pushes to it, a consumer blocks on it and wakes at once. There is nothing to acknowledge, no delayed message in a
worker's memory, no script, no housekeeping and no heartbeat, and with them go the ways in which those fail
(deploy/decisions.md names them).
"""

import threading
import time
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Any
from uuid import UUID

import dramatiq
import msgspec
import redis
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.errors import ConnectionClosed
from redis.backoff import NoBackoff
from redis.retry import Retry

from tutormax import log, metrics, servers
from tutormax.errors import PermanentError
from tutormax.jobs import ring
from tutormax.jobs.ring import Doorbell, Reason

_log = log.get(__name__)

LARGEST_DOORBELL_BYTES = 4096
MALFORMED_KEPT = 1000
BLOCK_SECONDS = 1.0


class Queue(StrEnum):
    """The queues; each scales by itself."""

    DATA_GENERATION = "data_generation"
    EVALUATION = "evaluation"
    PREDICTION = "prediction"
    TRAINING = "training"
    DEFAULT = "default"


class DelayedMessageError(PermanentError):
    """A message was sent with a delay; the ledger knows when a job is due."""


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    """A doorbell on the wire: Dramatiq's own message, with one job id and no options that could steer a worker."""

    queue_name: str
    actor_name: str
    args: tuple[UUID]
    kwargs: dict[str, str]
    options: dict[str, str]
    message_id: str
    message_timestamp: int


class DoorbellBroker(dramatiq.Broker):
    """Dramatiq's broker over plain Redis lists."""

    def __init__(self, url: str | None = None, *, middleware: Sequence[dramatiq.Middleware] = ()) -> None:
        super().__init__(middleware=list(middleware))
        self._url = url
        # When each queue's consumer last went round its loop, by a clock that nobody sets.
        self.polled_at: dict[str, float] = {}

    @cached_property
    def client(self) -> redis.Redis:
        """The connection pool, made on first use."""
        # No silent resending: what is ambiguous is decided by the ledger, and a stall must be seen.
        return redis.Redis.from_url(
            self._url or servers.endpoints().redis_url,
            socket_timeout=5,
            socket_connect_timeout=3,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=30,
            client_name="tutormax",
        )

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
        self.client.rpush(list_name(message.queue_name), message.encode())
        self.emit_after("enqueue", message, delay)
        return message

    def ring(self, doorbells: Sequence[Doorbell]) -> None:
        """Push doorbells in one round trip, urgent ones to the front."""
        pipeline = self.client.pipeline(transaction=False)
        for doorbell in doorbells:
            push = pipeline.lpush if doorbell.priority > 0 else pipeline.rpush
            push(list_name(doorbell.queue), _encode(doorbell))
        pipeline.execute()
        for doorbell in doorbells:
            metrics.MESSAGES_ENQUEUED.labels(doorbell.queue, doorbell.actor, doorbell.reason).inc()

    def waiting(self, queue: str) -> int:
        """Return how many doorbells a queue holds."""
        return int(self.client.llen(list_name(queue)))

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 30000) -> Consumer:
        """Return a consumer that holds no more doorbells than its worker has threads."""
        # Dramatiq asks for twice its threads; a doorbell beyond them would wait here while another worker idles.
        return DoorbellConsumer(self, queue_name, limit=max(1, prefetch // 2))

    def flush(self, queue_name: str) -> None:
        """Forget the doorbells of a queue; the relay will ring again."""
        self.client.delete(list_name(queue_name))

    def flush_all(self) -> None:
        """Forget the doorbells of every queue."""
        for queue_name in self.queues:
            self.flush(queue_name)

    def put_aside(self, queue: str, raw: bytes, why: str) -> None:
        """Keep a message that is no doorbell where an operator can look at it."""
        _log.warning("malformed message put aside", queue=queue, why=why, bytes=len(raw))
        metrics.MESSAGES_MALFORMED.labels(queue).inc()
        pipeline = self.client.pipeline(transaction=False)
        pipeline.lpush(f"{list_name(queue)}:malformed", raw[:LARGEST_DOORBELL_BYTES])
        pipeline.ltrim(f"{list_name(queue)}:malformed", 0, MALFORMED_KEPT - 1)
        pipeline.execute()


class DoorbellConsumer(Consumer):
    """Blocks on one queue and hands its doorbells to the worker's threads."""

    def __init__(self, broker: DoorbellBroker, queue: str, *, limit: int) -> None:
        self._broker = broker
        self._queue = queue
        self._limit = limit
        self._held = 0
        self._free = threading.Condition()

    def __next__(self) -> MessageProxy | None:
        """Return the next doorbell; None after a second without one, or while every thread is busy."""
        # Before anything may hang or fail: without Redis the loop still goes round.
        self._broker.polled_at[self._queue] = time.monotonic()
        with self._free:
            if self._held >= self._limit and not self._free.wait_for(self._has_room, timeout=BLOCK_SECONDS):
                return None
        try:
            answer: Any = self._broker.client.blpop([list_name(self._queue)], timeout=BLOCK_SECONDS)
            return None if answer is None else self._opened(answer[1])
        except redis.RedisError as error:
            # Whatever Redis does, stalls and refusals included, the consumer is started again.
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]  # dramatiq leaves it untyped

    def _opened(self, raw: bytes) -> MessageProxy | None:
        try:
            message = self._checked(raw)
        except (ValueError, RecursionError) as error:
            self._broker.put_aside(self._queue, raw, str(error))
            return None
        if message.actor_name not in self._broker.actors:
            # A newer producer's job: it stays pending until a worker that knows it comes by.
            _log.warning("doorbell of an unknown actor ignored", actor=message.actor_name, queue=self._queue)
            return None
        with self._free:
            self._held += 1
        return MessageProxy(message)

    def _checked(self, raw: bytes) -> dramatiq.Message[object]:
        if len(raw) > LARGEST_DOORBELL_BYTES:
            raise ValueError(f"{len(raw)} bytes, at most {LARGEST_DOORBELL_BYTES} are a doorbell")
        envelope = msgspec.json.decode(raw, type=_Envelope)
        if envelope.queue_name != self._queue:
            raise ValueError(f"it names queue {envelope.queue_name[:80]!r} and lay in {self._queue!r}")
        if envelope.kwargs or envelope.options:
            raise ValueError("a doorbell carries one job id, no keyword arguments and no options")
        return dramatiq.Message(
            queue_name=envelope.queue_name,
            actor_name=envelope.actor_name,
            args=(str(envelope.args[0]),),
            kwargs={},
            options={},
            message_id=envelope.message_id,
            message_timestamp=envelope.message_timestamp,
        )

    def _has_room(self) -> bool:
        return self._held < self._limit

    def ack(self, message: MessageProxy) -> None:
        """Make room for another doorbell."""
        with self._free:
            self._held -= 1
            self._free.notify()

    def nack(self, message: MessageProxy) -> None:
        """Make room for another doorbell; what became of the job stands in the ledger."""
        self.ack(message)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Push back what no thread has taken, if Redis can be reached; otherwise the relay rings again."""
        back = [
            Doorbell(UUID(message.args[0]), message.actor_name, message.queue_name, reason=Reason.AGAIN)
            for message in messages
        ]
        if back:
            ring.ring(back)


def install(url: str | None = None, *, middleware: Sequence[dramatiq.Middleware] = ()) -> DoorbellBroker:
    """Make this process's broker and let the ledger ring through it; workers give it their middleware."""
    broker = DoorbellBroker(url, middleware=middleware)
    dramatiq.set_broker(broker)
    ring.use(broker)
    return broker


def list_name(queue: str) -> str:
    """Return the Redis key of a queue's doorbells."""
    return f"tutormax:doorbells:{queue}"


def _encode(doorbell: Doorbell) -> bytes:
    return msgspec.json.encode(
        _Envelope(
            queue_name=doorbell.queue,
            actor_name=doorbell.actor,
            args=(doorbell.job_id,),
            kwargs={},
            options={},
            message_id=str(doorbell.job_id),
            message_timestamp=round(time.time() * 1000),
        )
    )
