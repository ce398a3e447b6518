"""Registration: every process that answers /metrics is a row, by which Prometheus and operators find it.

In PostgreSQL and not in Redis, so that a flushed Redis hides nobody. A clean stop removes the row; a crash leaves it,
and whoever reads the list sees for ten minutes that somebody is missing.
"""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from threading import Event, Thread
from uuid import UUID, uuid4

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from tutormax import db, log, queries, settings
from tutormax.catalogue import Process

_log = log.get(__name__)

BEAT_SECONDS = 5.0
STOP_SECONDS = 2.0
WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound to


class State(StrEnum):
    """What a process says of itself."""

    UP = "up"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class Row:
    """One process as it registers itself; without an address nobody can scrape it."""

    process_id: UUID
    kind: Process
    service: str
    state: State
    host: str
    pid: int
    address: str | None


class Registration:
    """Keeps one process in the list, and looks for a port as long as it has none."""

    def __init__(
        self, kind: Process, service: str, find_port: Callable[[], int | None], *, beat_seconds: float = BEAT_SECONDS
    ) -> None:
        self._row = Row(uuid4(), kind, service, State.UP, this_host(), os.getpid(), None)
        self._find_port = find_port
        self._beat_seconds = beat_seconds
        self._wake = Event()
        self._over = False
        self._silent = False
        self._thread = Thread(target=self._run, name="tutormax-registration", daemon=True)

    @property
    def draining(self) -> bool:
        """Whether the process has been told to stop."""
        return self._row.state is State.DRAINING

    def start(self) -> None:
        """Register, now and every few seconds."""
        self._look_for_port()
        if self._row.address is None:
            _log.error("no metrics: no port is free; looking on", ports=settings.current().metrics_ports)
        self._thread.start()

    def drain(self) -> None:
        """Say that this process takes no more work."""
        self._row = replace(self._row, state=State.DRAINING)
        self._wake.set()

    def stop(self) -> None:
        """Leave the list; if the database is away, the row stays and is forgotten by age."""
        self._over = True
        self._wake.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._over:
            self._look_for_port()
            self._write(enter)
            self._wake.wait(self._beat_seconds)
            self._wake.clear()
        self._write(leave)

    def _look_for_port(self) -> None:
        if self._row.address is None and (port := self._find_port()) is not None:
            self._row = replace(self._row, address=f"{reached_at(settings.current())}:{port}")

    def _write(self, act: Callable[[Connection, Row], None]) -> None:
        try:
            with db.transaction() as connection:
                act(connection, self._row)
        except SQLAlchemyError as error:
            if not self._silent:
                _log.warning("not registered, trying on", error=str(error).splitlines()[0])
            self._silent = True
        else:
            self._silent = False


def this_host() -> str:
    """Return this machine's name, by which a process says where it runs."""
    return socket.gethostname()


def reached_at(limits: settings.Settings) -> str:
    """Return the host at which others reach this process."""
    if limits.metrics_address is not None:
        return limits.metrics_address
    wildcard = limits.metrics_host in WILDCARDS
    host = this_host() if wildcard else limits.metrics_host
    return f"[{host}]" if ":" in host else host


def enter(connection: Connection, row: Row) -> None:
    """Enter a process in the list, or say that it is still there; forget those that were silent for an hour."""
    bound = {name: getattr(row, name) for name in Row.__slots__}
    connection.execute(queries.load("register_process"), bound)


def leave(connection: Connection, row: Row) -> None:
    """Take a process off the list."""
    connection.execute(queries.load("deregister_process"), {"process_id": row.process_id})
