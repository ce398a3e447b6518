"""What many threads ask for at one moment, answered by one call.

A thread that finds nobody at the desk serves itself, at once. Those who come meanwhile wait, and the first of them then
serves all of them: who has much to do pays once for many, who has little waits for nobody. While they come in
company, whoever serves lets the others catch up first, as PostgreSQL's `commit_delay` does.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

# A fraction of what one call costs.
PATIENCE_SECONDS = 0.0005

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class UnservedError(Exception):
    """Whoever served broke off."""


class _Errand(Generic[Asked, Answer]):
    """What one thread asks for, and what it was told."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.answers: list[Answer] = []
        self.error: Exception = UnservedError()
        self.serves = False
        # Held until the errand is done, or its thread is to serve.
        self.waiting = threading.Lock()
        self.waiting.acquire()


class Together(Generic[Asked, Answer]):
    """A desk at which one thread serves all who wait."""

    def __init__(self, answer: Callable[[Sequence[Asked]], Sequence[Answer]]) -> None:
        self._answer = answer
        self._desk = threading.Lock()
        self._queue: list[_Errand[Asked, Answer]] = []
        self._served = False
        self._in_company = False

    def ask(self, asked: Asked) -> Answer:
        """Return the answer, or raise what the call raised for all whom it was to serve."""
        errand: _Errand[Asked, Answer] = _Errand(asked)
        with self._desk:
            self._queue.append(errand)
            errand.serves = not self._served
            self._served = True
        if not errand.serves:
            errand.waiting.acquire()
        if errand.serves:
            self._serve(errand)
        if not errand.answers:
            raise errand.error
        return errand.answers[0]

    def _serve(self, mine: _Errand[Asked, Answer]) -> None:
        if self._in_company:
            time.sleep(PATIENCE_SECONDS)
        with self._desk:
            served, self._queue = self._queue, []
        self._in_company = len(served) > 1
        try:
            for errand, answer in zip(served, self._answer([errand.asked for errand in served]), strict=True):
                errand.answers.append(answer)
        except Exception as error:  # noqa: BLE001  # each of them is told
            for errand in served:
                errand.error = error
        finally:
            self._hand_over()
            for errand in served:
                if errand is not mine:
                    errand.waiting.release()

    def _hand_over(self) -> None:
        """Let the first of those who have come meanwhile serve."""
        with self._desk:
            following = self._queue[0] if self._queue else None
            self._served = following is not None
        if following is not None:
            following.serves = True
            following.waiting.release()
