"""A line to RabbitMQ: one connection, held by a thread of its own, so that nobody waits longer than he will.

pika's connection belongs to one thread, and must be looked after also while nobody uses it, or RabbitMQ takes it for
dead. So a thread holds it and does what others ask; who asks waits for the answer as long as it is worth.
"""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

from tutormax.broker.carrier import BrokerAwayError

T = TypeVar("T")

IDLE_SECONDS = 1.0
CLOSE_SECONDS = 2.0


class Line:
    """Does on one channel what any thread asks for; connects again when it has to, and only then."""

    def __init__(self, parameters: pika.URLParameters, answer_seconds: float, *, opened: Callable[[], None]) -> None:
        self._parameters = parameters
        self._answer_seconds = answer_seconds
        self._opened = opened
        self._asked: SimpleQueue[_Asked | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._connection: pika.BlockingConnection | None = None
        self._over = False

    def ask(self, act: Callable[[BlockingChannel], T]) -> T:
        """Return what the act returns; raise BrokerAwayError when it fails, or gave no answer in time."""
        asked = _Asked(act)
        self._asked.put(asked)
        self._wake()
        try:
            return asked.answer.result(self._answer_seconds)  # type: ignore[no-any-return]  # what the act returns
        except TimeoutError:
            asked.answer.cancel()
            raise BrokerAwayError(f"RabbitMQ gave no answer within {self._answer_seconds:g} s") from None

    def close(self) -> None:
        """End the thread, and the connection with it."""
        self._over = True
        self._asked.put(None)
        self._poke()
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)

    def _wake(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tutormax-rabbitmq", daemon=True)
                self._thread.start()
        self._poke()

    def _poke(self) -> None:
        connection = self._connection
        if connection is not None:
            # One that is just being closed needs no waking.
            with contextlib.suppress(AMQPError):
                connection.add_callback_threadsafe(lambda: None)

    def _run(self) -> None:
        while (asked := self._asked.get()) is not None:
            if asked.answer.cancelled():
                continue
            try:
                self._hold(asked)
            except Exception as error:  # noqa: BLE001  # whatever it is, the line is made anew for the next
                asked.fail(error)
            finally:
                self._connection = None

    def _hold(self, asked: "_Asked") -> None:
        """Answer on one connection for as long as it holds."""
        connection = pika.BlockingConnection(self._parameters)
        try:
            channel = connection.channel()
            self._opened()
            self._connection = connection
            self._answer(connection, channel, asked)
        finally:
            with contextlib.suppress(AMQPError, OSError):
                connection.close()

    def _answer(self, connection: pika.BlockingConnection, channel: BlockingChannel, asked: "_Asked") -> None:
        asked.do(channel)
        while not self._over:
            try:
                following = self._asked.get_nowait()
            except Empty:
                connection.process_data_events(time_limit=IDLE_SECONDS)
                continue
            if following is not None:
                following.do(channel)


class _Asked:
    """Something to do on the channel, and who waits for its answer."""

    def __init__(self, act: Callable[[BlockingChannel], Any]) -> None:
        self._act = act
        self.answer: Future[Any] = Future()

    def do(self, channel: BlockingChannel) -> None:
        """Do it, unless nobody waits any more; what goes wrong is told, and ends the connection."""
        if not self.answer.set_running_or_notify_cancel():
            return
        try:
            self.answer.set_result(self._act(channel))
        except Exception as error:
            self.answer.set_exception(_away(error))
            raise

    def fail(self, error: Exception) -> None:
        """Tell whoever waits why it could not be done."""
        if not self.answer.done() and self.answer.set_running_or_notify_cancel():
            self.answer.set_exception(_away(error))


def _away(error: Exception) -> BrokerAwayError:
    return BrokerAwayError(f"RabbitMQ: {str(error) or type(error).__name__}")
