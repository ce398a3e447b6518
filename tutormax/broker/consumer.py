"""What every consumer does with what arrives: check it, put aside what is no doorbell, hand out the rest."""

import threading
from abc import abstractmethod
from typing import TYPE_CHECKING

import dramatiq
from dramatiq.broker import Consumer, MessageProxy

from tutormax import log
from tutormax.broker.envelope import unpack

if TYPE_CHECKING:
    from tutormax.broker import DoorbellBroker

_log = log.get(__name__)

BLOCK_SECONDS = 1.0


class Places:
    """How many doorbells of a queue a worker's threads have in hand, also while its consumer is made anew."""

    def __init__(self) -> None:
        self.taken = 0
        self.free = threading.Condition()


class DoorbellConsumer(Consumer):
    """Blocks on one queue and hands its doorbells to the worker's threads."""

    def __init__(self, broker: "DoorbellBroker", queue: str, *, limit: int) -> None:
        self.broker = broker
        self.queue = queue
        self.limit = limit

    @abstractmethod
    def __next__(self) -> MessageProxy | None:
        """Return the next doorbell; None after a second without one, or while every thread is busy."""

    def opened(self, raw: bytes) -> dramatiq.Message[object] | None:
        """Return what arrived as a message; None when it is none of ours, and has been dealt with."""
        try:
            message = unpack(raw, self.queue)
        except (ValueError, RecursionError) as error:
            self.broker.put_aside(self.queue, raw, str(error))
            self.sweep()
            return None
        if message.actor_name not in self.broker.actors:
            # A newer producer's job: it stays pending until a worker that knows it comes by.
            _log.warning("doorbell of an unknown actor ignored", actor=message.actor_name, queue=self.queue)
            return None
        return message

    def sweep(self) -> None:
        """Look for more of what is no doorbell, where the carrier can be looked through."""

    def nack(self, message: MessageProxy) -> None:
        """Make room for another doorbell; what became of the job stands in the ledger."""
        self.ack(message)
