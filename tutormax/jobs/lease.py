"""Leases: who may work on a job, until when by the database's clock, under which fence.

Every statement that ends or extends a piece of work names the fence it was granted. A worker that was replaced, after
a pause longer than its lease, finds no row and leaves nothing behind.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson
import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from tutormax import queries
from tutormax.errors import TransientError
from tutormax.redaction import redact_text

LONGEST_TEXT = 20_000
# The relay holds the rows that it rings for for a moment; whoever holds one for longer may do so for minutes.
LOCK_TIMEOUT = "1s"


class LeaseLostError(TransientError):
    """Another worker holds the job by now; this one's work is rolled back."""


class JobLockedError(TransientError):
    """Somebody else's transaction holds the job's row, or a limit of it, and goes on."""


class State(StrEnum):
    """The states of a job; the last three are its ends."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Lease:
    """A job as its worker took it."""

    job_id: UUID
    organization_id: int | None
    actor: str
    queue: str
    args: Mapping[str, Any]
    slot: datetime
    attempts: int
    recoveries: int
    fence: int
    cursor: Any
    available_at: datetime
    started_at: datetime
    trace_context: str | None

    @property
    def wait_seconds(self) -> float:
        """How long the job had been due when it was started."""
        return (self.started_at - self.available_at).total_seconds()


def take(connection: Connection, job_id: UUID, *, seconds: float, worker: str) -> Lease | None:
    """Take the lease of a job that is due, or whose worker went silent; None when there is nothing to take.

    A fresh start counts as an attempt, taking over from a silent worker as a recovery. Whoever has locked the job's row
    is waited for, but no longer than LOCK_TIMEOUT; then JobLockedError is raised.
    """
    taken = take_free(connection, [job_id], seconds=seconds, worker=worker)
    if not taken:
        with waiting_briefly(connection, job_id):
            connection.execute(queries.load("lock_job"), {"job_id": job_id})
        taken = take_free(connection, [job_id], seconds=seconds, worker=worker)
    return taken.get(job_id)


@contextmanager
def waiting_briefly(connection: Connection, job_id: UUID) -> Iterator[None]:
    """Wait for each lock no longer than LOCK_TIMEOUT until the transaction ends; raise JobLockedError."""
    connection.execute(text("select set_config('lock_timeout', :limit, true)"), {"limit": LOCK_TIMEOUT})
    try:
        yield
    except OperationalError as error:
        if not isinstance(error.orig, psycopg.errors.LockNotAvailable):
            raise
        raise JobLockedError(f"job {job_id} is locked by another transaction") from error


def take_free(connection: Connection, job_ids: Sequence[UUID], *, seconds: float, worker: str) -> dict[UUID, Lease]:
    """Take the leases of those jobs that can be had at once; one whose row is locked is not waited for."""
    bound = {"job_ids": list(job_ids), "seconds": seconds, "worker": worker}
    return {row.job_id: Lease(*row) for row in connection.execute(queries.load("lease_jobs"), bound)}


def finish(connection: Connection, lease: Lease, result: str | None) -> State:
    """Complete a job in the transaction of its effect, with a packed result; raise LeaseLostError if it is not ours.

    The state is `pending` when the job was asked for once more while it ran.
    """
    finished = finish_free(connection, [(lease, result)])
    if not finished:
        connection.execute(queries.load("lock_job"), {"job_id": lease.job_id})
        finished = finish_free(connection, [(lease, result)])
    if not finished:
        raise _lost(lease)
    return finished[lease.job_id]


def finish_free(connection: Connection, ended: Sequence[tuple[Lease, str | None]]) -> dict[UUID, State]:
    """Complete those jobs that are still ours, with packed results; one whose row is locked is not waited for."""
    bound = {
        "job_ids": [lease.job_id for lease, _ in ended],
        "fences": [lease.fence for lease, _ in ended],
        "results": [result for _, result in ended],
    }
    return {row.job_id: State(row.state) for row in connection.execute(queries.load("finish_jobs"), bound)}


def is_done(connection: Connection, lease: Lease) -> bool:
    """Tell whether a job was completed under this very lease."""
    bound = {"job_id": lease.job_id, "fence": lease.fence}
    return connection.execute(queries.load("is_job_done"), bound).scalar_one_or_none() is not None


def retry(connection: Connection, lease: Lease, failure: "Failure", *, seconds: float) -> State:
    """Put a failed job back, due again after some seconds, unless it is to stop; raise LeaseLostError if not ours."""
    return _go_on(connection, "retry_job", lease, seconds=seconds, **failure.columns())


def bury(connection: Connection, lease: Lease, failure: "Failure", *, state: State = State.DEAD) -> State:
    """End a job as dead, or as cancelled, with its reason; raise LeaseLostError if it is no longer ours.

    What was asked for while it ran lives on as a job of its own.
    """
    ended = _end(connection, "bury_job", lease, state=state, **failure.columns())
    ask_again(connection, [lease.job_id])
    return ended


def ask_again(connection: Connection, job_ids: Sequence[UUID]) -> None:
    """Have what was asked for while these jobs ran live on, each as a job of its own, now that they have ended."""
    connection.execute(queries.load("ask_again"), {"job_ids": list(job_ids)})


def vouch(connection: Connection, lease: Lease) -> None:
    """Say that the worker of a lease that another has taken over lives: the takeover is not counted as a death.

    Not the worker had gone silent then, but what lay between it and the ledger.
    """
    connection.execute(queries.load("vouch_for_worker"), {"job_id": lease.job_id, "fence": lease.fence})


def release(connection: Connection, lease: Lease, *, after_seconds: float = 0.0) -> State:
    """Give a job back as if it had not been started, its cursor kept; raise LeaseLostError if it is no longer ours.

    It is due again at once, or after some seconds; but one that is to stop is cancelled.
    """
    return _go_on(connection, "release_job", lease, seconds=after_seconds)


def hold(connection: Connection, lease: Lease, *, seconds: float, cursor: Any = None) -> None:
    """Extend the lease and keep the cursor, in the transaction of one piece of work; raise LeaseLostError."""
    _end(
        connection,
        "hold_job",
        lease,
        seconds=seconds,
        cursor=packed(cursor),
    )


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt ended: a sentence, the error's class, and the traceback where there is one."""

    error: str
    error_type: str
    traceback: str | None = None

    def columns(self) -> dict[str, str | None]:
        """Return the failure as bound values, without secrets and what PostgreSQL refuses: dead letters are kept."""
        return {
            name: None if text is None else keepable(text)
            for name, text in (("error", self.error), ("error_type", self.error_type), ("traceback", self.traceback))
        }


CANCELLED = Failure("it was cancelled while it ran", "Cancelled")


def keepable(text: str) -> str:
    """Return a text as PostgreSQL takes it, not too long and without secrets."""
    # Searched before it is cut: half a secret would not be recognized.
    return (
        redact_text(text[: 10 * LONGEST_TEXT])
        .replace("\0", "\\0")
        .encode("utf-8", "backslashreplace")
        .decode()[:LONGEST_TEXT]
    )


def packed(value: object) -> str | None:
    """Return a result or a cursor as the ledger keeps it, JSON text; raise TypeError where it is none."""
    return None if value is None else orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def _go_on(connection: Connection, statement: str, lease: Lease, **values: object) -> State:
    """Give a job another start, or cancel it where somebody has asked for that."""
    try:
        return _end(connection, statement, lease, **values)
    except LeaseLostError:
        return bury(connection, lease, CANCELLED, state=State.CANCELLED)


def _end(connection: Connection, statement: str, lease: Lease, **values: object) -> State:
    bound = {"job_id": lease.job_id, "fence": lease.fence, **values}
    state = connection.execute(queries.load(statement), bound).scalar_one_or_none()
    if state is None:
        raise _lost(lease)
    return State(state)


def _lost(lease: Lease) -> LeaseLostError:
    return LeaseLostError(f"job {lease.job_id} is no longer held under fence {lease.fence}")
