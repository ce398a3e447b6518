"""What many threads hand over, done by one thread, as much at once as has come: nobody waits for it."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from tutormax import log

_log = log.get(__name__)

# Where two came at once, more are coming: a moment's patience does many of them for the price of one.
PATIENCE_SECONDS = 0.0005
LOOK_SECONDS = 0.001

Handed = TypeVar("Handed")


class Batcher(Generic[Handed]):
    """One thread, started on first use, and what waits for it."""

    def __init__(self, name: str, act: Callable[[Sequence[Handed]], None], *, most: int) -> None:
        self._name = name
        self._act = act
        self._most = most
        self._waiting: SimpleQueue[Handed | threading.Event] = SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def hand(self, thing: Handed) -> None:
        """Hand something over; wait only while as many as may be are waiting already."""
        self._start()
        while self._waiting.qsize() >= self._most:
            time.sleep(LOOK_SECONDS)
        self._waiting.put(thing)

    def flush(self, seconds: float) -> bool:
        """Wait until all that was handed over is done, so long and no longer; tell whether it is."""
        if self._thread is None:
            return True
        reached = threading.Event()
        self._waiting.put(reached)
        return reached.wait(seconds)

    def _start(self) -> None:
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    thread = threading.Thread(target=self._run, name=f"tutormax-{self._name}", daemon=True)
                    thread.start()
                    self._thread = thread

    def _run(self) -> None:
        company = False
        while True:
            come = [self._waiting.get()]
            if company:
                time.sleep(PATIENCE_SECONDS)
            with suppress(Empty):
                while len(come) < self._most:
                    come.append(self._waiting.get_nowait())
            things = [each for each in come if not isinstance(each, threading.Event)]
            company = len(things) > 1
            self._do(things)
            for each in come:
                if isinstance(each, threading.Event):
                    each.set()

    def _do(self, things: Sequence[Handed]) -> None:
        if things:
            try:
                self._act(things)
            except Exception:  # noqa: BLE001
                # Whatever it is: without this thread all the others would wait for ever.
                _log.exception("what was handed over is not done", things=len(things), batcher=self._name)
