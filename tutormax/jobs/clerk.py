"""The clerk: takes the leases that a process's threads ask for at one moment all at once, and writes the completions.

Only jobs that had no transaction are completed here, and nobody waits for that; the others complete in the transaction
of their effect. What the clerk cannot have at once, because somebody has locked the job's row, its caller sees to.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from tutormax import db, log, settings
from tutormax.jobs import lease as leases
from tutormax.jobs.batcher import Batcher
from tutormax.jobs.lease import Lease, State
from tutormax.jobs.reserve import Reserve
from tutormax.jobs.together import Together
from tutormax.per_process import PerProcess

_log = log.get(__name__)

# Both look rows up by their keys, however few or many rows there are: one plan is right, and need not be made again.
SETTLED_PLAN = "set plan_cache_mode = 'auto'; set enable_seqscan = off"

# So many completions may wait to be written; the threads of whoever has more wait with them.
MOST_UNWRITTEN = 64
CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Ended:
    """A job that has ended, its packed result, and who is to be told its state, None where the clerk has not got it."""

    lease: Lease
    result: str | None
    tell: Callable[[State | None], object]


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
        self._one_takes = threading.Lock()
        self.reserve = Reserve(self._taken)
        self._taking: Together[UUID, Lease | None] = Together(self._taken)
        self._finishing: Batcher[Ended] = Batcher("clerk", self._finish, most=MOST_UNWRITTEN)
        # Somebody has locked the row, for as long as he likes, and all the others are not to wait for him.
        self._locked: Batcher[Ended] = Batcher("clerk of the locked", self._leave_alone, most=MOST_UNWRITTEN)

    def take(self, job_id: UUID) -> Lease | None:
        """Take a job's lease as `leases.take` does."""
        taken = self.reserve.pop(job_id) or self._taking.ask(job_id)
        if taken is not None:
            return taken
        with db.transaction() as connection:
            return leases.take(connection, job_id, seconds=settings.current().job_lease_seconds, worker=self._worker)

    def finish(self, ended: Ended) -> None:
        """Complete a job that had no transaction, together with others and soon."""
        self._finishing.hand(ended)

    def flush(self, seconds: float = CLOSE_SECONDS) -> None:
        """Wait until what has ended is written, so long and no longer."""
        end = time.monotonic() + seconds
        if not (self._finishing.flush(seconds) and self._locked.flush(max(0.0, end - time.monotonic()))):
            _log.warning("completions not written, others will do these jobs once more", waited_seconds=seconds)

    def close(self) -> None:
        """Write what has ended, and close both connections."""
        self.flush()
        self._takes.close()
        self._finishes.close()

    def _taken(self, wanted: Sequence[UUID]) -> list[Lease | None]:
        seconds = settings.current().job_lease_seconds
        # Whoever serves at the desk, and who fills the reserve.
        with self._one_takes, self._takes.open() as connection:
            taken = leases.take_free(connection, wanted, seconds=seconds, worker=self._worker)
        # Two doorbells of one job have one answer between them.
        return [taken.pop(job_id, None) for job_id in wanted]

    def _finish(self, ended: Sequence[Ended]) -> None:
        states: Mapping[UUID, State] = {}
        try:
            with self._finishes.open() as connection:
                states = leases.finish_free(connection, [(each.lease, each.result) for each in ended])
        except Exception as error:  # noqa: BLE001  # of the connection, or of one of them: each is seen to alone
            _log.warning("completions not written together", error=str(error).partition("\n")[0], jobs=len(ended))
        for each in ended:
            state = states.get(each.lease.job_id)
            if state is None:
                self._locked.hand(each)
            else:
                _tell(each, state)

    @staticmethod
    def _leave_alone(ended: Sequence[Ended]) -> None:
        for each in ended:
            _tell(each, None)


def _tell(ended: Ended, state: State | None) -> None:
    try:
        ended.tell(state)
    except Exception:  # noqa: BLE001 - others are to be told, too
        _log.exception("who waits for a completion was not told", job_id=str(ended.lease.job_id))


def worker_name() -> str:
    """Return what this process is called in the ledger."""
    return f"{socket.gethostname()}:{os.getpid()}"


# This process's clerk.
clerk = PerProcess(Clerk)
