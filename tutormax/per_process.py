"""What a process has one of: made when it is first asked for, by whichever thread, and never inherited by a fork."""

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """One value of a kind for each process."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._begin()
        # A forked child shares neither sockets nor threads with its parent, nor the state of its locks.
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._made: T | None = None

    def __call__(self) -> T:
        """Return the value, made on first use."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made

    def forget(self) -> T | None:
        """Let the next use make a new one; return the old one, if there was one, to be closed."""
        with self._lock:
            made, self._made = self._made, None
            return made
