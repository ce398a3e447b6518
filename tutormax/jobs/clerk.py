"""The clerk: takes the leases and writes the completions that a process's threads ask for at one moment, all at once.

Only jobs that had no transaction are completed here; the others complete in the transaction of their effect. What the
clerk cannot have at once, because somebody has locked the job's row, its caller waits for alone.
"""

import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from tutormax import db, settings
from tutormax.jobs import lease as leases
from tutormax.jobs.lease import Lease, State
from tutormax.jobs.together import Together
from tutormax.per_process import PerProcess

# Both look rows up by their keys, however few or many rows there are: one plan is right, and need not be made again.
SETTLED_PLAN = "set plan_cache_mode = 'auto'; set enable_seqscan = off"


@dataclass(frozen=True, slots=True)
class _Ended:
    """A job that has ended, and with which result."""

    lease: Lease
    result: Mapping[str, Any] | None


class _Line:
    """A connection that is kept, and on which every statement is a transaction."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._used_at = 0.0

    @contextmanager
    def open(self) -> Iterator[Connection]:
        """Give the connection; one that failed is made anew by whoever comes next."""
        try:
            yield self._connected()
        except SQLAlchemyError:
            self.close()
            raise
        self._used_at = time.monotonic()

    def _connected(self) -> Connection:
        engine = db.engine()
        if self._connection is None or self._connection.engine.pool is not engine.pool or not self._lives():
            self.close()
            self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._connection.exec_driver_sql(SETTLED_PLAN)
        return self._connection

    def _lives(self) -> bool:
        if self._connection is None or time.monotonic() - self._used_at < db.FRESH_SECONDS:
            return self._connection is not None
        try:
            self._connection.exec_driver_sql("select 1")
        except SQLAlchemyError:
            return False
        return True

    def close(self) -> None:
        """Close the connection; with settings of its own it never goes back to the pool."""
        kept, self._connection = self._connection, None
        if kept is not None:
            with suppress(SQLAlchemyError):
                kept.invalidate()
                kept.close()


class Clerk:
    """Takes and completes jobs, through a connection for either."""

    def __init__(self) -> None:
        self._worker = worker_name()
        self._takes, self._finishes = _Line(), _Line()
        self._taking: Together[UUID, Lease | None] = Together(self._taken)
        self._finishing: Together[_Ended, State | None] = Together(self._finished)

    def take(self, job_id: UUID) -> Lease | None:
        """Take a job's lease as `leases.take` does."""
        taken = self._taking.ask(job_id)
        if taken is not None:
            return taken
        with db.transaction() as connection:
            return leases.take(connection, job_id, seconds=settings.current().job_lease_seconds, worker=self._worker)

    def finish(self, lease: Lease, result: Mapping[str, Any] | None) -> State:
        """Complete a job that had no transaction; raise LeaseLostError if it is no longer ours."""
        finished = self._finishing.ask(_Ended(lease, result))
        if finished is not None:
            return finished
        with db.transaction() as connection:
            return leases.finish(connection, lease, result)

    def close(self) -> None:
        """Close both connections."""
        self._takes.close()
        self._finishes.close()

    def _taken(self, wanted: Sequence[UUID]) -> list[Lease | None]:
        seconds = settings.current().job_lease_seconds
        with self._takes.open() as connection:
            taken = leases.take_free(connection, wanted, seconds=seconds, worker=self._worker)
        # Two doorbells of one job have one answer between them.
        return [taken.pop(job_id, None) for job_id in wanted]

    def _finished(self, ended: Sequence[_Ended]) -> list[State | None]:
        with self._finishes.open() as connection:
            states = leases.finish_free(connection, [(each.lease, each.result) for each in ended])
        return [states.get(each.lease.job_id) for each in ended]


def worker_name() -> str:
    """Return what this process is called in the ledger."""
    return f"{socket.gethostname()}:{os.getpid()}"


# This process's clerk.
clerk = PerProcess(Clerk)
