"""Doorbells in RabbitMQ: one queue for each of ours, bounded, its messages kept in memory and not for long."""

import logging
from collections.abc import Mapping, Sequence
from uuid import uuid4

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker
from pika.spec import BasicProperties

from tutormax.broker.carrier import ANSWER_SECONDS, MALFORMED_KEPT, Parcel
from tutormax.broker.rabbitmq_line import Line

# What is dropped or has expired is rung again by the relay for as long as its job waits. So doorbells never pile up.
MOST_DOORBELLS = 10_000
EXPIRY_MILLISECONDS = 600_000
# The queue outlives a restart, what lies in it need not.
TRANSIENT = 1
HEARTBEAT_SECONDS = 10
NOT_FOUND = 404

# pika tells of one refused connection in a dozen lines; whoever needed the connection says it in one.
logging.getLogger("pika").setLevel(logging.CRITICAL)


class RabbitmqQueues:
    """Queues of the default exchange, which a producer declares before it first pushes to them."""

    kind = "rabbitmq"

    def __init__(self, url: str, *, answer_seconds: float = ANSWER_SECONDS, name: str = "tutormax") -> None:
        self._declared: set[str] = set()
        self._line = Line(
            parameters(url, answer_seconds=answer_seconds, name=name), answer_seconds, opened=self._declared.clear
        )

    def push(self, parcels: Sequence[Parcel]) -> None:
        """Publish doorbells, without waiting for a receipt."""
        self._line.ask(lambda channel: self._publish(channel, parcels))

    def waiting(self, queues: Sequence[str]) -> Mapping[str, int]:
        """Return how many doorbells wait; those that a worker holds are not among them."""
        return self._line.ask(lambda channel: {queue: _count(channel, queue) for queue in queues})

    def flush(self, queue: str) -> None:
        """Purge a queue."""
        self._line.ask(lambda channel: self._purge(channel, queue))

    def put_aside(self, queue: str, raw: bytes) -> None:
        """Keep what is no doorbell in a queue of its own, which outlives a restart."""
        self._line.ask(lambda channel: _put_aside(channel, f"{queue_name(queue)}.malformed", raw))

    def ping(self) -> None:
        """Ask whether it answers."""
        self._line.ask(lambda channel: channel.exchange_declare("amq.direct", passive=True))

    def try_out(self) -> None:
        """Publish to a queue of no meaning, and take from it; it ends with the channel's consumer."""
        self._line.ask(_try_out)

    def close(self) -> None:
        """Close the connection."""
        self._line.close()

    def _publish(self, channel: BlockingChannel, parcels: Sequence[Parcel]) -> None:
        for parcel in parcels:
            self._declare(channel, parcel.queue)
            channel.basic_publish(
                "",
                queue_name(parcel.queue),
                parcel.raw,
                BasicProperties(delivery_mode=TRANSIENT, priority=1 if parcel.urgent else 0),
            )

    def _purge(self, channel: BlockingChannel, queue: str) -> None:
        self._declare(channel, queue)
        channel.queue_purge(queue_name(queue))

    def _declare(self, channel: BlockingChannel, queue: str) -> None:
        if queue not in self._declared:
            declare(channel, queue)
            self._declared.add(queue)


def parameters(url: str, *, answer_seconds: float, name: str) -> pika.URLParameters:
    """Return how to connect: one try, and every step of it within the time for an answer."""
    made = pika.URLParameters(url)
    made.heartbeat = HEARTBEAT_SECONDS
    made.connection_attempts = 1
    made.socket_timeout = made.stack_timeout = made.blocked_connection_timeout = answer_seconds
    made.client_properties = {"connection_name": name}
    return made


def declare(channel: BlockingChannel, queue: str) -> None:
    """Make the queue of one of our queues, unless it is there."""
    channel.queue_declare(
        queue_name(queue),
        durable=True,
        arguments={
            "x-max-priority": 1,
            "x-max-length": MOST_DOORBELLS,
            "x-message-ttl": EXPIRY_MILLISECONDS,
        },
    )


def queue_name(queue: str) -> str:
    """Return what one of our queues is called in RabbitMQ."""
    return f"tutormax.doorbells.{queue}"


def _count(channel: BlockingChannel, queue: str) -> int:
    # On a channel of its own: to ask for a queue that does not exist closes the channel.
    asking = channel.connection.channel()
    try:
        return int(asking.queue_declare(queue_name(queue), passive=True).method.message_count)
    except ChannelClosedByBroker as error:
        if error.reply_code != NOT_FOUND:
            raise
        return 0
    finally:
        if asking.is_open:
            asking.close()


def _try_out(channel: BlockingChannel) -> None:
    name = queue_name(f"doctor.{uuid4()}")
    channel.queue_declare(name, exclusive=True, auto_delete=True)
    try:
        channel.basic_publish("", name, b"tried out", BasicProperties(delivery_mode=TRANSIENT))
        channel.basic_get(name, auto_ack=True)
    finally:
        if channel.is_open:
            channel.queue_delete(name)


def _put_aside(channel: BlockingChannel, name: str, raw: bytes) -> None:
    channel.queue_declare(name, durable=True, arguments={"x-max-length": MALFORMED_KEPT})
    channel.basic_publish("", name, raw)
