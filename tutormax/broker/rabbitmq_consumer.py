"""The consumer of one queue of RabbitMQ, which holds a doorbell for each thread of its worker and no more."""

import contextlib
import uuid
from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

import dramatiq
import pika
from dramatiq.broker import MessageProxy
from dramatiq.errors import ConnectionClosed
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ChannelWrongStateError
from pika.spec import Basic, BasicProperties

from tutormax.broker.carrier import ANSWER_SECONDS, BrokerAwayError
from tutormax.broker.consumer import BLOCK_SECONDS, DoorbellConsumer
from tutormax.broker.rabbitmq import declare, parameters, queue_name

if TYPE_CHECKING:
    from tutormax.broker import DoorbellBroker


class RabbitmqConsumer(DoorbellConsumer):
    """Takes what RabbitMQ delivers. A doorbell is acknowledged when its thread is free again.

    RabbitMQ closes the channel of who holds one for longer than its consumer_timeout (30 minutes): the consumer is
    started again, and the doorbell of the job that still runs is answered by the ledger.
    """

    def __init__(self, broker: "DoorbellBroker", queue: str, *, limit: int) -> None:
        super().__init__(broker, queue, limit=limit)
        self._arrived: deque[tuple[int, bytes]] = deque()
        self._connection: pika.BlockingConnection | None = None
        self._channel: BlockingChannel | None = None

    def __next__(self) -> MessageProxy | None:
        """Return the next doorbell; None after a second without one."""
        # Before anything may hang or fail: without RabbitMQ the loop still goes round.
        self.broker.polled(self.queue)
        try:
            if self._connection is None:
                self._open()
            assert self._connection is not None  # noqa: S101  # it was opened
            if not self._arrived:
                self._connection.process_data_events(time_limit=BLOCK_SECONDS)
                self._must_be_open()
            return self._taken() if self._arrived else None
        except (AMQPError, OSError, BrokerAwayError) as error:
            # Whatever RabbitMQ does, stalls and refusals included, the consumer is started again.
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]  # dramatiq leaves it untyped

    def _must_be_open(self) -> None:
        # A channel that RabbitMQ closes is just silent, and the connection goes on.
        if self._channel is None or not self._channel.is_open:
            raise ChannelWrongStateError("RabbitMQ closed the channel")

    def _open(self) -> None:
        name = f"tutormax {self.queue} {uuid.uuid4().hex[:6]}"
        self._connection = pika.BlockingConnection(
            parameters(self.broker.url, answer_seconds=ANSWER_SECONDS, name=name)
        )
        self._channel = self._connection.channel()
        declare(self._channel, self.queue)
        self._channel.basic_qos(prefetch_count=self.limit)
        # Somebody deleted the queue: the consumer that is started again declares it.
        self._channel.add_on_cancel_callback(lambda _: self._channel and self._channel.close())
        self._channel.basic_consume(queue_name(self.queue), self._arrive)

    def _arrive(self, _: BlockingChannel, delivery: Basic.Deliver, __: BasicProperties, raw: bytes) -> None:
        self._arrived.append((delivery.delivery_tag, raw))

    def _taken(self) -> MessageProxy | None:
        tag, raw = self._arrived.popleft()
        message = self.opened(raw)
        if message is None:
            self._acknowledge(tag)
            return None
        return _Held(message, self, tag)

    def ack(self, message: MessageProxy) -> None:
        """Let RabbitMQ deliver another doorbell."""
        # One that an earlier connection delivered is no longer ours.
        if isinstance(message, _Held) and message.consumer is self:
            self._acknowledge(message.tag)

    def _acknowledge(self, tag: int) -> None:
        if self._connection is None or self._channel is None:
            return
        # By the thread that holds the connection; one that is lost needs no acknowledgement.
        with contextlib.suppress(AMQPError):
            self._connection.add_callback_threadsafe(partial(_acknowledge, self._channel, tag))

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Do nothing: what is not acknowledged goes back when the connection ends."""

    def close(self) -> None:
        """Acknowledge what is done, and end the connection."""
        if self._connection is not None and self._connection.is_open:
            # Whatever it is: an error here would end the consumer's thread for good.
            with contextlib.suppress(Exception):
                self._connection.process_data_events(time_limit=0)
                self._connection.close()


class _Held(MessageProxy):
    """A doorbell that RabbitMQ takes back unless it is acknowledged."""

    def __init__(self, message: dramatiq.Message[object], consumer: RabbitmqConsumer, tag: int) -> None:
        super().__init__(message)
        self.consumer = consumer
        self.tag = tag


def _acknowledge(channel: BlockingChannel, tag: int) -> None:
    if channel.is_open:
        channel.basic_ack(tag)
