"""Asking for work: job rows inserted in the caller's transaction, rung once it has committed."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import Connection

from tutormax import db, queries, settings, tracing
from tutormax.jobs import ring
from tutormax.tracing import SpanKind


@dataclass(frozen=True, slots=True)
class Request:
    """One job that somebody wants, before it is a row."""

    actor: str
    queue: str
    args: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    run_at: datetime | None = None
    expires_at: datetime | None = None
    slot: datetime | None = None
    priority: int = 0
    organization_id: int | None = None
    requested_by: str = "tutormax"
    trace_context: str | None = None
    job_id: UUID = field(default_factory=uuid4)


def insert(connection: Connection, requests: Iterable[Request]) -> list[UUID]:
    """Insert jobs and return their ids; they are rung when the connection's transaction has committed.

    Two requests with one key are one job as long as it has not ended: the id of the one that is there comes back,
    due at the earlier of both times. If that one is already running, it runs once more when it ends, because
    what this transaction writes came too late for it.
    """
    # In the order of their keys: two transactions that ask for the same jobs must not wait for each other in a ring.
    wanted = sorted(requests, key=lambda request: (request.actor, request.key or ""))
    if not wanted:
        return []
    with tracing.span(f"send {wanted[0].actor}", SpanKind.PRODUCER, tracing.current()) as span:
        bound = {"requests": msgspec.json.encode(wanted).decode(), "trace_context": str(span.context)}
        rows = connection.execute(queries.load("insert_jobs"), bound).all()
    due = [ring.Doorbell(row.job_id, row.actor, row.queue, row.priority) for row in rows if row.due]
    if due:
        db.after_commit(connection, partial(ring.ring_within, due, settings.current().relay_window))
    ids = {(row.actor, row.dedupe_key): row.job_id for row in rows if row.dedupe_key is not None}
    ids |= _there(connection, {(request.actor, request.key) for request in wanted if request.key} - ids.keys())
    return [ids[request.actor, request.key] if request.key else request.job_id for request in wanted]


def _there(connection: Connection, keys: Collection[tuple[str, str | None]]) -> dict[tuple[str, str | None], UUID]:
    """Return the jobs of keys that another transaction committed while ours waited for it.

    Our statement began before that and does not see them, but holds their rows: they end no sooner than we do.
    """
    if not keys:
        return {}
    actors, names = zip(*sorted(keys), strict=True)
    rows = connection.execute(queries.load("jobs_of_keys"), {"actors": list(actors), "keys": list(names)})
    return {(row.actor, row.dedupe_key): row.job_id for row in rows}
