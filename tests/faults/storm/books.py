"""The sender's own books: what was asked for, and what is known of it."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID


class Script(StrEnum):
    """What a job does, by the name of its actor; the storm knows what must come of each."""

    PLAIN = "plain"
    LIGHT = "light"
    SLOW = "slow"
    STUMBLING = "stumbling"
    HOPELESS = "hopeless"
    SENDING = "sending"
    PIECES = "pieces"
    LATER = "later"
    KEYED = "keyed"
    POISON = "poison"


MUST_DIE = frozenset({Script.HOPELESS, Script.POISON})


@dataclass(slots=True)
class Books:
    """Accepted: the commit returned. Ambiguous: it did not, and may have happened all the same."""

    accepted: dict[UUID, Script] = field(default_factory=dict)
    ambiguous: dict[UUID, Script] = field(default_factory=dict)
    # Each request with a key: the key, and when it was made by the database's clock.
    keyed: list[tuple[UUID, float]] = field(default_factory=list)
    # Jobs that an operator cancelled, each once, with the reason that was given.
    withdrawn: dict[UUID, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def accept(self, jobs: Iterable[tuple[UUID, Script]]) -> None:
        """Enter jobs whose commit returned."""
        with self.lock:
            self.accepted.update(jobs)

    def doubt(self, jobs: Iterable[tuple[UUID, Script]]) -> None:
        """Enter jobs whose commit may or may not have happened."""
        with self.lock:
            self.ambiguous.update(jobs)
