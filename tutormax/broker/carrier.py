"""What carries doorbells, whichever server it is: push, count, forget, put aside, answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tutormax.errors import TransientError

# What every producer waits for an answer at most; a doorbell is not worth more.
ANSWER_SECONDS = 5.0
MALFORMED_KEPT = 1000


class BrokerAwayError(TransientError):
    """The server that carries doorbells did not take or tell something; nothing is lost, the relay rings again."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A doorbell on its way to a queue."""

    queue: str
    raw: bytes
    urgent: bool = False


class Carrier(Protocol):
    """A connection to a server that carries doorbells; every method raises BrokerAwayError when it does not answer."""

    # What it is called where people read of it: redis, rabbitmq.
    kind: str

    def push(self, parcels: Sequence[Parcel]) -> None:
        """Add doorbells to their queues, urgent ones to the front."""

    def waiting(self, queues: Sequence[str]) -> Mapping[str, int]:
        """Return how many doorbells each queue holds."""

    def flush(self, queue: str) -> None:
        """Forget the doorbells of a queue."""

    def put_aside(self, queue: str, raw: bytes) -> None:
        """Keep what is no doorbell, the newest thousand of a queue."""

    def ping(self) -> None:
        """Ask whether it answers."""

    def try_out(self) -> None:
        """Do once with something of no meaning what producers and consumers do, and leave nothing behind."""

    def close(self) -> None:
        """Close the connection."""
