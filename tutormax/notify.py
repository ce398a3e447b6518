"""What systemd hears of a process: that it is ready, that it lives, that it stops.

A process that was frozen, or whose interpreter is held, says nothing because nothing of it runs; one whose threads do
not do their rounds says nothing because it was asked whether it lives. In both cases the watchdog ends and restarts it.
"""

import socket
from collections.abc import Callable
from threading import Event, Thread

from tutormax import log
from tutormax.settings import Settings

_log = log.get(__name__)

# As often as systemd recommends, and once more: two beats may be late before the third is too late.
BEATS = 3
MICROSECONDS = 1e6

Live = Callable[[], tuple[bool, object]]


class Watchdog:
    """Tells whoever supervises this process how it is; tells nobody where nobody listens."""

    def __init__(self, limits: Settings, live: Live) -> None:
        self._address = limits.notify_socket
        # WATCHDOG_PID is Dramatiq's master; what works is its child, and only the child knows how it is.
        self._period = (limits.watchdog_microseconds or 0) / MICROSECONDS / BEATS
        self._live = live
        self._over = Event()
        self._well = True
        self._heard = True
        self._thread = Thread(target=self._beat, name="tutormax-watchdog", daemon=True)

    def start(self) -> None:
        """Say that the process is ready, and from now on that it lives for as long as it does."""
        self._tell("READY=1")
        if self._address is not None and self._period:
            self._thread.start()

    def stop(self) -> None:
        """Say that the process stops."""
        self._over.set()
        self._tell("STOPPING=1")

    def _beat(self) -> None:
        while not self._over.wait(self._period):
            well, facts = self._live()
            if well:
                self._tell("WATCHDOG=1")
            if well != self._well:
                self._well = well
                self._tell("STATUS=lives" if well else f"STATUS=does not live: {facts}")
                (_log.info if well else _log.error)("this process lives" if well else "does not live", facts=facts)

    def _tell(self, said: str) -> None:
        if self._address is None:
            return
        # A leading @ stands for the zero byte of an abstract address.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                # Better a beat too few than a thread that waits for whoever does not read.
                sender.settimeout(0)
                sender.sendto(said.encode(), address)
        except OSError as error:
            if self._heard:
                _log.warning("supervisor does not hear", said=said, error=str(error))
            self._heard = False
        else:
            self._heard = True
