"""What operators do with jobs: look, cancel, requeue and drop; every change leaves a row in the audit log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, insert, select
from sqlalchemy.exc import IntegrityError

from tutormax import db, queries, settings
from tutormax.errors import TransientError
from tutormax.following import UnknownJobError
from tutormax.jobs import ring
from tutormax.jobs.lease import State
from tutormax.tables import audit_log, jobs

TRIES = 3


class RequeueConflictError(TransientError):
    """Others kept asking for the same work."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which dead jobs are meant: by id, or all that match every filter given."""

    ids: Sequence[UUID] = ()
    actor: str | None = None
    queue: str | None = None
    error: str | None = None
    group_id: str | None = None

    def bound(self) -> dict[str, Any]:
        """Return the selection as bound values."""
        return {
            "ids": list(self.ids) or None,
            "actor": self.actor,
            "queue": self.queue,
            "error": self.error,
            "group_id": self.group_id,
        }


ALL = Selection()


@dataclass(frozen=True, slots=True)
class DeadGroup:
    """Dead jobs that died of the same thing; group_id names them."""

    group_id: str
    actor: str
    queue: str
    error_type: str
    error: str
    jobs: int
    oldest: datetime
    newest: datetime


def find(connection: Connection, job_id: UUID) -> Mapping[str, Any]:
    """Return everything the ledger knows of one job; raise UnknownJobError."""
    row = connection.execute(select(jobs).where(jobs.c.job_id == job_id)).mappings().one_or_none()
    if row is None:
        raise UnknownJobError(f"there is no job {job_id}")
    return dict(row)


def newest(
    connection: Connection, *, limit: int, state: str | None = None, actor: str | None = None, queue: str | None = None
) -> list[Mapping[str, Any]]:
    """Return the newest jobs, of one state, actor or queue if named."""
    statement = select(jobs).order_by(jobs.c.created_at.desc()).limit(limit)
    for column, wanted in ((jobs.c.state, state), (jobs.c.actor, actor), (jobs.c.queue, queue)):
        if wanted is not None:
            statement = statement.where(column == wanted)
    return [dict(row) for row in connection.execute(statement).mappings()]


def dead_groups(connection: Connection, selection: Selection = ALL) -> list[DeadGroup]:
    """Return the dead letters that a selection means, grouped by actor and error, largest group first."""
    rows = connection.execute(queries.load("dead_jobs"), selection.bound())
    return [DeadGroup(**row._mapping) for row in rows]  # noqa: SLF001 - public in SQLAlchemy


def dead_letters(connection: Connection, group_id: str, *, most: int) -> list[Mapping[str, Any]]:
    """Return the dead letters of one group, newest first: arguments, attempts, traceback."""
    rows = connection.execute(queries.load("dead_letters"), {"group_id": group_id, "most": most})
    return [dict(row) for row in rows.mappings()]


def cancel(connection: Connection, job_id: UUID, *, who: str, reason: str | None = None) -> State:
    """Cancel a job that waits, or ask a running one to stop; return its state, which may have been an end already."""
    state = connection.execute(queries.load("cancel_job"), {"job_id": job_id}).scalar_one_or_none()
    if state is None:
        return State(find(connection, job_id)["state"])
    _audit(connection, [_entry(who, "cancel", job_id, reason=reason)])
    return State(state)


def count_dead(connection: Connection, selection: Selection) -> int:
    """Return how many dead jobs a selection means."""
    return int(connection.execute(queries.load("count_dead_jobs"), selection.bound()).scalar_one())


def requeue(connection: Connection, selection: Selection, *, who: str, reason: str | None = None) -> int:
    """Make dead jobs pending again, their attempts forgotten; return how many.

    One whose key is meanwhile in use stays dead: the same work is already asked for.
    """
    rows = _revived(connection, selection)
    due = [ring.Doorbell(row.job_id, row.actor, row.queue, row.priority, ring.Reason.REQUEUE) for row in rows]
    _audit(connection, [_entry(who, "requeue", row.job_id, reason=reason) for row in rows])
    db.after_commit(connection, partial(ring.ring_within, due, settings.current().relay_window))
    return len(due)


def _revived(connection: Connection, selection: Selection) -> Sequence[Row[Any]]:
    for _ in range(TRIES):
        try:
            with connection.begin_nested():
                return connection.execute(queries.load("requeue_dead_jobs"), selection.bound()).all()
        except IntegrityError:
            # Somebody asked for the same work under its key just now; looked at again, that one stays dead.
            continue
    raise RequeueConflictError(f"jobs under the same keys were sent {TRIES} times while these were requeued; try again")


def drop(connection: Connection, selection: Selection, *, who: str, reason: str | None = None) -> int:
    """Remove dead jobs for good; the audit log keeps what they were. Return how many."""
    rows = connection.execute(queries.load("drop_dead_jobs"), selection.bound()).all()
    facts = [{"actor": row.actor, "args": row.args, "error": row.error} for row in rows]
    entries = [
        _entry(who, "drop", row.job_id, reason=reason, details=details)
        for row, details in zip(rows, facts, strict=True)
    ]
    _audit(connection, entries)
    return len(rows)


def _entry(
    who: str, action: str, job_id: UUID, *, reason: str | None, details: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "who": who,
        "action": f"job {action}",
        "subject": str(job_id),
        "reason": reason,
        "details": details or {},
    }


def _audit(connection: Connection, entries: Sequence[dict[str, Any]]) -> None:
    if entries:
        connection.execute(insert(audit_log), entries)
