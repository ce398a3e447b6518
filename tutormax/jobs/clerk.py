"""The clerk: takes the leases and writes the completions that a process's threads ask for at one moment, all at once.

Only jobs that had no transaction are completed here; the others complete in the transaction of their effect. What the
clerk cannot have at once, because somebody has locked the job's row, its caller waits for alone.
"""

import os
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
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

# A connection that was not used for longer may be dead, and is asked before it is relied on.
FRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Ended:
    """A job that has ended, and with which result."""

    lease: Lease
    result: Mapping[str, Any] | None


class Clerk:
    """Takes and completes jobs through one connection of its own."""

    def __init__(self) -> None:
        self._worker = worker_name()
        self._line: Connection | None = None
        self._used_at = 0.0
        self._together: Together[UUID | _Ended, Lease | State | None] = Together(self._written)

    def take(self, job_id: UUID) -> Lease | None:
        """Take a job's lease as `leases.take` does."""
        taken = self._together.ask(job_id)
        if isinstance(taken, Lease):
            return taken
        with db.transaction() as connection:
            return leases.take(connection, job_id, seconds=settings.current().job_lease_seconds, worker=self._worker)

    def finish(self, lease: Lease, result: Mapping[str, Any] | None) -> State:
        """Complete a job that had no transaction; raise LeaseLostError if it is no longer ours."""
        finished = self._together.ask(_Ended(lease, result))
        if isinstance(finished, State):
            return finished
        with db.transaction() as connection:
            return leases.finish(connection, lease, result)

    def _written(self, asked: Sequence[UUID | _Ended]) -> list[Lease | State | None]:
        wanted = [each for each in asked if isinstance(each, UUID)]
        ended = [(each.lease, each.result) for each in asked if isinstance(each, _Ended)]
        try:
            connection = self._connected()
            states = leases.finish_free(connection, ended) if ended else {}
            seconds = settings.current().job_lease_seconds
            taken = leases.take_free(connection, wanted, seconds=seconds, worker=self._worker) if wanted else {}
        except SQLAlchemyError:
            self._hang_up()
            raise
        self._used_at = time.monotonic()
        return [taken.get(each) if isinstance(each, UUID) else states.get(each.lease.job_id) for each in asked]

    def _connected(self) -> Connection:
        """Return the clerk's connection, on which every statement is a transaction."""
        line, engine = self._line, db.engine()
        fresh = time.monotonic() - self._used_at < FRESH_SECONDS
        if line is not None and line.engine.pool is engine.pool and fresh:
            return line
        self._hang_up()
        self._line = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        return self._line

    def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            # It goes back to its pool, which asks whether it lives before it lends it again.
            with suppress(SQLAlchemyError):
                line.close()


def worker_name() -> str:
    """Return what this process is called in the ledger."""
    return f"{socket.gethostname()}:{os.getpid()}"


# This process's clerk.
clerk = PerProcess(Clerk)
