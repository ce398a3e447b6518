"""A job as its actor sees it: its arguments, its connection, its progress, and when to stop."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from operator import index
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from tutormax import db, failpoints
from tutormax.errors import PermanentError
from tutormax.failpoints import Failpoint
from tutormax.jobs import lease as leases
from tutormax.jobs.lease import Lease, State

# Who asks may have another clock than PostgreSQL.
CLOCKS_APART = timedelta(minutes=1)


class UnusableInstantError(PermanentError):
    """An instant that is still to come, or that names no zone."""


class Interruption(BaseException):
    """A job is asked to stop; a BaseException, so that an actor's own `except Exception` does not swallow it."""


class ShutdownInterruption(Interruption):
    """The worker is shutting down: the job goes back and somebody else resumes it."""


class CancelInterruption(Interruption):
    """An operator cancelled the job."""


class DeadlineInterruption(Interruption):
    """The job has run longer than its actor's time limit."""


class ReplacedInterruption(Interruption):
    """The lease was lost: another worker holds the job."""


class Job:
    """One attempt at one job.

    What the actor writes through `connection`, the jobs it sends there and the completion of the job commit together
    or not at all. A long job instead takes `transaction()` piece by piece and keeps a cursor.
    """

    def __init__(self, lease: Lease, engine: Engine, *, lease_seconds: float, time_limit_seconds: float) -> None:
        self.lease = lease
        self.progress: dict[str, Any] | None = None
        self.thread = threading.get_ident()
        self.time_limit_seconds = time_limit_seconds
        self._engine = engine
        self._lease_seconds = lease_seconds
        self._connection: Connection | None = None
        self._interruption: type[Interruption] | None = None
        self._children: list[Callable[[], None]] = []

    @property
    def id(self) -> UUID:
        """The job's id."""
        return self.lease.job_id

    @property
    def slot(self) -> datetime:
        """The instant that the job is about: its slot in the timetable, else when it was to run; no retry moves it."""
        return self.lease.slot

    def as_of(self, named: datetime | None) -> datetime:
        """Return the instant that was named, else the slot; raise UnusableInstantError if nobody can know of it yet."""
        if named is None:
            return self.slot
        if named.tzinfo is None:
            raise UnusableInstantError(f"{named} names no zone; write one like 2026-01-08T14:30:00Z")
        started = self.lease.started_at
        if named > started + CLOCKS_APART:
            raise UnusableInstantError(f"{named:%F %T%z} is still to come; it is {started:%F %T%z}")
        return named

    @property
    def cursor(self) -> Any:
        """How far an earlier attempt came, as it was kept by `transaction(cursor=...)`; None at the beginning."""
        return self.lease.cursor

    @property
    def connection(self) -> Connection:
        """The connection whose one transaction holds the effect and the completion."""
        if self._connection is None:
            self._connection = self._engine.connect()
        if not self._connection.in_transaction():
            self._limit(self._connection)
        return self._connection

    def _limit(self, connection: Connection) -> None:
        """Begin a transaction whose statements may take no longer than the job itself."""
        limit = {"milliseconds": str(round(self.time_limit_seconds * 1000))}
        connection.execute(text("select set_config('statement_timeout', :milliseconds, true)"), limit)

    @contextmanager
    def transaction(self, *, cursor: Callable[[], Any] | Any = None) -> Iterator[Connection]:
        """Give the connection for one piece of a long job; the piece, its cursor and the lease commit together.

        A cursor that is only known at the end of the piece is given as a function. Raises LeaseLostError, and
        rolls the piece back, when another worker holds the job by then.
        """
        self.check()
        connection = self.connection
        try:
            yield connection
            kept = cursor() if callable(cursor) else cursor
            leases.hold(connection, self.lease, seconds=self._lease_seconds, cursor=kept)
            failpoints.reach(Failpoint.BEFORE_PIECE)
        except BaseException:
            db.rolled_back(connection)
            connection.rollback()
            raise
        connection.commit()
        failpoints.reach(Failpoint.AFTER_PIECE)
        db.committed(connection)

    def report(self, done: int, total: int | None = None, note: str | None = None) -> None:
        """Say how far the job has come; whoever waits for it sees this within seconds.

        Raises TypeError for counts that are no integers: another thread writes this together with others' progress.
        """
        counts = {"done": index(done), "total": None if total is None else index(total)}
        self.progress = {**counts, "note": None if note is None else leases.keepable(note)}
        self.check()

    def check(self) -> None:
        """Stop here if the job was asked to stop."""
        if self._interruption is not None:
            raise self._interruption

    def interrupt(self, why: type[Interruption]) -> None:
        """Ask the job to stop, from another thread; a statement that the database is working on is cancelled."""
        self._interruption = why
        connection = self._connection
        driver = connection.connection.driver_connection if connection is not None and not connection.closed else None
        if driver is not None:
            driver.cancel_safe(timeout=2)

    @property
    def has_transaction(self) -> bool:
        """Whether it has a transaction of its own, in which it completes."""
        return self._connection is not None

    def complete(self, result: str | None) -> State:
        """Commit what the actor wrote, the job's completion and its packed result; raise LeaseLostError if not ours."""
        connection = self.connection
        state = leases.finish(connection, self.lease, result)
        failpoints.reach(Failpoint.BEFORE_COMMIT)
        connection.commit()
        failpoints.reach(Failpoint.AFTER_COMMIT)
        return state

    def committed(self) -> None:
        """Ring for the jobs that were sent in the transaction that has just committed."""
        if self._connection is not None:
            db.committed(self._connection)

    def close(self, *, broken: bool) -> None:
        """Give the connection back; a broken one, which an interruption may have left anywhere, is thrown away."""
        if self._connection is None:
            return
        db.rolled_back(self._connection)
        if broken:
            self._connection.invalidate()
        self._connection.close()
