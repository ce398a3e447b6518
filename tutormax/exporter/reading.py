"""A reading: one look at a store, waited for no longer than a scrape can, and never shown when it is old."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from tutormax.attempt import Attempt

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """What a look saw, when it had ended, and how long it took."""

    value: T
    at: float
    seconds: float


class Reading(Generic[T]):
    """What a store said last.

    A look is repeated when the last is older than `fresh_seconds`. One that takes longer than whoever asks can wait is
    let go on, and what the look before it saw serves meanwhile, for `kept_seconds`. After a look that failed there
    is nothing: better no series than old ones.
    """

    def __init__(
        self, name: str, look: Callable[[], T], *, fresh_seconds: float = 0.0, kept_seconds: float = 20.0
    ) -> None:
        self._look = look
        self._attempt = Attempt(name, self._timed)
        self._fresh_seconds = fresh_seconds
        self._kept_seconds = kept_seconds
        self._seen: Seen[T] | None = None
        self._begun: Future[Seen[T]] | None = None

    def start(self) -> None:
        """Begin to look, so that several stores are read at once."""
        if not self._within(self._fresh_seconds):
            self._begun = self._attempt.start()

    def get(self, until: float) -> Seen[T]:
        """Return what is seen by an instant of the monotonic clock; raise what the look raises, or TimeoutError."""
        # Of what was begun, also if it has ended since: whoever looks at several stores waits for them in turn.
        begun, self._begun = self._begun, None
        seen = self._seen
        if seen is not None and self._within(self._fresh_seconds):
            return seen
        try:
            return self._attempt.result(until - time.monotonic(), begun)
        except TimeoutError:
            if seen is not None and self._within(self._kept_seconds):
                return seen
            raise

    def _within(self, seconds: float) -> bool:
        return self._seen is not None and time.monotonic() - self._seen.at < seconds

    def _timed(self) -> Seen[T]:
        started = time.monotonic()
        try:
            value = self._look()
        except BaseException:
            self._seen = None
            raise
        ended = time.monotonic()
        self._seen = Seen(value, ended, ended - started)
        return self._seen
