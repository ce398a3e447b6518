"""Something that may hang, tried by one thread at a time and waited for so long and no longer."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class Attempt(Generic[T]):
    """A call that is made again and again; whoever asks while it still runs waits for the same one."""

    def __init__(self, name: str, call: Callable[[], T]) -> None:
        self.name = name
        self._call = call
        self._lock = Lock()
        self._running: Future[T] | None = None

    def start(self) -> Future[T]:
        """Make the call, unless it still runs."""
        with self._lock:
            if self._running is None or self._running.done():
                self._running = Future()
                # Not from a pool: the interpreter would wait for the one that hangs.
                Thread(target=self._run, args=(self._running,), name=f"tutormax-{self.name}", daemon=True).start()
            return self._running

    @property
    def ended(self) -> bool:
        """Whether no call runs now."""
        return self._running is None or self._running.done()

    def result(self, seconds: float, begun: Future[T] | None = None) -> T:
        """Return what the call returns, or raise what it raises; TimeoutError when it has not ended in time.

        Of a call that was begun by `start`, if it is named: it may have ended, and is not made again.
        """
        try:
            return (begun or self.start()).result(max(0.0, seconds))
        except TimeoutError:
            raise TimeoutError(f"{self.name} gave no answer in time") from None

    def _run(self, future: Future[T]) -> None:
        try:
            future.set_result(self._call())
        except BaseException as error:  # noqa: BLE001  # whatever it is, it belongs to whoever waits
            future.set_exception(error)
