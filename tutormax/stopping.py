"""Told to stop: SIGTERM and Ctrl-C, heard whatever thread they reach and whatever the main thread holds just then."""

import select
import signal
import socket
from typing import Protocol

HEARD = frozenset({signal.SIGTERM, signal.SIGINT})


class Stop(Protocol):
    """What a process waits on between its rounds; an Event will do."""

    def wait(self, timeout: float) -> bool:
        """Wait for a while; return at once, and True, when the process is to stop."""


class Signals:
    """Hears SIGTERM and SIGINT from now on; belongs to the main thread.

    No Event: its lock may be held by the very thread that the handler interrupts, and a signal that the kernel gives to
    another thread wakes nobody. What Python writes to a socket at once wakes the main thread in any case.
    """

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._told = False
        for number in HEARD:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)

    def wait(self, timeout: float) -> bool:
        """Wait for a while; return at once, and True, when the process is to stop."""
        if not self._told:
            readable, _, _ = select.select([self._reader], [], [], timeout)
            self._told = bool(readable and HEARD.intersection(self._reader.recv(64)))
        return self._told
