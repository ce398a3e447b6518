"""Doorbells in Redis: one plain list for each queue."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

import redis
from dramatiq.broker import MessageProxy
from dramatiq.errors import ConnectionClosed
from redis.backoff import NoBackoff
from redis.retry import Retry

from tutormax import metrics
from tutormax.broker.carrier import ANSWER_SECONDS, MALFORMED_KEPT, BrokerAwayError, Parcel
from tutormax.broker.consumer import BLOCK_SECONDS, DoorbellConsumer
from tutormax.broker.envelope import LARGEST_DOORBELL_BYTES, is_doorbell, unpack
from tutormax.jobs import beforehand, ring
from tutormax.jobs.ring import Doorbell, Reason

# Large messages among them are held in memory for a moment.
SWEPT_AT_ONCE = 200
PATIENCE_SECONDS = 0.001

if TYPE_CHECKING:
    from tutormax.broker import DoorbellBroker


class RedisLists:
    """Plain lists: pushed at the end, urgent ones at the front."""

    kind = "redis"

    def __init__(self, url: str, *, answer_seconds: float = ANSWER_SECONDS, name: str = "tutormax") -> None:
        # No silent resending: what is ambiguous is decided by the ledger, and a stall must be seen.
        self.client = redis.Redis.from_url(
            url,
            socket_timeout=answer_seconds,
            socket_connect_timeout=min(3.0, answer_seconds),
            retry=Retry(NoBackoff(), 0),
            health_check_interval=30,
            client_name=name,
        )

    def push(self, parcels: Sequence[Parcel]) -> None:
        """Push doorbells in one round trip."""
        pipeline = self.client.pipeline(transaction=False)
        for parcel in parcels:
            push = pipeline.lpush if parcel.urgent else pipeline.rpush
            push(list_name(parcel.queue), parcel.raw)
        with _away():
            pipeline.execute()

    def waiting(self, queues: Sequence[str]) -> Mapping[str, int]:
        """Return the lengths of the lists, read in one round trip."""
        pipeline = self.client.pipeline(transaction=False)
        for queue in queues:
            pipeline.llen(list_name(queue))
        with _away():
            return dict(zip(queues, pipeline.execute(), strict=True))

    def flush(self, queue: str) -> None:
        """Delete the list of a queue."""
        with _away():
            self.client.delete(list_name(queue))

    def put_aside(self, queue: str, raw: bytes) -> None:
        """Keep what is no doorbell in a list of its own."""
        pipeline = self.client.pipeline(transaction=False)
        pipeline.lpush(f"{list_name(queue)}:malformed", raw)
        pipeline.ltrim(f"{list_name(queue)}:malformed", 0, MALFORMED_KEPT - 1)
        with _away():
            pipeline.execute()

    def take(self, queue: str, most: int) -> list[bytes]:
        """Take up to so many messages from the front at once."""
        with _away():
            taken: Any = self.client.lpop(list_name(queue), most)
            return taken or []

    def put_back(self, queue: str, good: Sequence[bytes], aside: Sequence[bytes]) -> None:
        """Put back at the front what was taken, in its order, and the others aside, in one round trip."""
        pipeline = self.client.pipeline(transaction=False)
        if good:
            pipeline.lpush(list_name(queue), *reversed(good))
        if aside:
            pipeline.lpush(f"{list_name(queue)}:malformed", *aside)
            pipeline.ltrim(f"{list_name(queue)}:malformed", 0, MALFORMED_KEPT - 1)
        with _away():
            pipeline.execute()

    def ping(self) -> None:
        """Ask whether it answers."""
        with _away():
            self.client.ping()

    def try_out(self) -> None:
        """Push to a list of no meaning, count it, shorten it and take from it."""
        name = list_name("doctor")
        with _away():
            try:
                self.client.rpush(name, b"tried")
                self.client.lpush(name, b"out")
                self.client.llen(name)
                self.client.ltrim(name, 0, 0)
                self.client.blpop([name], timeout=1)
            finally:
                with suppress(redis.RedisError):
                    self.client.delete(name)

    def close(self) -> None:
        """Close the pool."""
        self.client.close()


class RedisConsumer(DoorbellConsumer):
    """Blocks on one list."""

    def __init__(self, broker: "DoorbellBroker", queue: str, *, limit: int) -> None:
        super().__init__(broker, queue, limit=limit)
        self._places = broker.places[queue]
        # What came along with another doorbell; where one was, there may be more.
        self._fetched: deque[bytes] = deque()
        self._more = False
        self._in_company = False

    def __next__(self) -> MessageProxy | None:
        """Return the next doorbell; None after a second without one, or while every thread is busy."""
        # Before anything may hang or fail: without Redis the loop still goes round.
        self.broker.polled(self.queue)
        with self._places.free:
            if not self._places.free.wait_for(self._has_room, timeout=BLOCK_SECONDS):
                return None
        try:
            raw = self._fetch()
            return None if raw is None else self._taken(raw)
        except (redis.RedisError, BrokerAwayError) as error:
            # Whatever Redis does, stalls and refusals included, the consumer is started again.
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]  # dramatiq leaves it untyped

    def _fetch(self) -> bytes | None:
        """Return the next message; of many, as many are fetched at once as there are threads for."""
        if self._more and not self._fetched:
            self._let_others_be_free()
            self._fetched.extend(self._lists().take(self.queue, max(1, self.limit - self._places.taken)))
            self._in_company = len(self._fetched) > 1
            if self.broker.leases_beforehand:
                beforehand.take(list(self._doorbells(self._fetched)))
        self._more = bool(self._fetched)
        if self._fetched:
            return self._fetched.popleft()
        answer: Any = self._lists().client.blpop([list_name(self.queue)], timeout=BLOCK_SECONDS)
        self._more = answer is not None
        return answer[1] if self._more else None

    def _let_others_be_free(self) -> None:
        """Wait a moment for half of the threads: while they become free in company, one round trip serves many."""
        if self._in_company and self._places.taken:
            with self._places.free:
                self._places.free.wait_for(lambda: self._places.taken <= self.limit // 2, timeout=PATIENCE_SECONDS)

    def close(self) -> None:
        """Put back what was fetched and not handed out, if Redis can be reached; otherwise the relay rings again."""
        fetched, self._fetched = list(self._fetched), deque()
        if fetched:
            beforehand.give_back(list(self._doorbells(fetched)))
            with suppress(BrokerAwayError):
                self._lists().put_back(self.queue, fetched, [])

    def _doorbells(self, fetched: Iterable[bytes]) -> Iterator[Doorbell]:
        for raw in fetched:
            with suppress(ValueError, RecursionError):
                message = unpack(raw, self.queue)
                yield Doorbell(UUID(message.args[0]), message.actor_name, self.queue)

    def sweep(self) -> None:
        """Put aside all that is no doorbell among the next ones: where one was, there may be thousands.

        If we are killed meanwhile, the doorbells among them are lost, and the relay rings again.
        """
        lists = self._lists()
        taken = lists.take(self.queue, SWEPT_AT_ONCE)
        good = [raw for raw in taken if is_doorbell(raw, self.queue)]
        aside = [raw[:LARGEST_DOORBELL_BYTES] for raw in taken if not is_doorbell(raw, self.queue)]
        # The first one was told of; these are counted.
        metrics.MESSAGES_MALFORMED.labels(self.queue).inc(len(aside))
        if taken:
            lists.put_back(self.queue, good, aside)

    def _lists(self) -> RedisLists:
        carrier = self.broker.carrier
        assert isinstance(carrier, RedisLists)  # noqa: S101  # the broker's URL chose both
        return carrier

    def _taken(self, raw: bytes) -> MessageProxy | None:
        message = self.opened(raw)
        if message is None:
            return None
        with self._places.free:
            self._places.taken += 1
        return MessageProxy(message)

    def _has_room(self) -> bool:
        return self._places.taken < self.limit

    def ack(self, message: MessageProxy) -> None:
        """Make room for another doorbell."""
        with self._places.free:
            self._places.taken -= 1
            self._places.free.notify()

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Push back what no thread has taken, if Redis can be reached; otherwise the relay rings again."""
        back = [
            Doorbell(UUID(message.args[0]), message.actor_name, message.queue_name, reason=Reason.AGAIN)
            for message in messages
        ]
        if back:
            with self._places.free:
                self._places.taken -= len(back)
            beforehand.give_back(back)
            ring.ring(back)


def list_name(queue: str) -> str:
    """Return the Redis key of a queue's doorbells."""
    return f"tutormax:doorbells:{queue}"


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise BrokerAwayError(f"Redis: {error}") from error
