"""Bugs that are planted on purpose: each is a defence taken away, and the tests must notice.

Nothing but a test plants them, by name, in a process of its own.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, TextClause, text

from ml import artefact, links
from tutormax import db, queries
from tutormax.jobs import job, relay
from tutormax.jobs.job import Job
from tutormax.jobs.lease import State
from tutormax.jobs.ring import Doorbell

_complete = Job.complete
_load = queries.load
_publish = artefact.publish


def no_relay() -> None:
    """Ring each doorbell once and never again."""

    def due(_: Connection, __: str, **___: object) -> list[Doorbell]:
        return []

    def ring_due(_: Connection, __: Iterable[str], **___: object) -> int:
        return 0

    relay.due = due  # type: ignore[assignment]
    relay.silent = due  # type: ignore[assignment]
    relay.ring_due = ring_due  # type: ignore[assignment]


def two_transactions() -> None:
    """Commit the effect, and then the completion."""

    def complete(self: Job, result: str | None) -> State:
        self.connection.commit()
        # Random kills would not find a window of a millisecond; the failpoints do without this.
        time.sleep(0.05)
        return _complete(self, result)

    job.Job.complete = complete  # type: ignore[method-assign]


def no_fence() -> None:
    """Let whoever has worked complete the job, whoever holds it by then."""

    def load(name: str, *arguments: Any) -> TextClause:
        if name != "finish_jobs":
            return _load(name, *arguments)
        return text(
            str(_load(name)).replace("jobs.fence = held.fence and jobs.lease_until is not null", "held.fence > 0")
        )

    queries.load = load  # type: ignore[assignment]


def no_unique_slot() -> None:
    """Let a slot be sent by everybody who finds it due."""

    def load(name: str, *arguments: Any) -> TextClause:
        if name != "claim_slot":
            return _load(name, *arguments)
        return text(str(_load(name)).replace("on conflict (name, slot) do nothing", ""))

    queries.load = load  # type: ignore[assignment]
    with db.transaction() as connection:
        there = connection.execute(
            text("select true from pg_constraint where conname = 'schedule_slots_pkey'")
        ).scalar()
        if there:
            connection.execute(text("alter table schedule_slots drop constraint schedule_slots_pkey"))


def link_before_fsync() -> None:
    """Let a link name a model that is not yet whole and on disk."""

    def publish(directory: Path, at: Any, files: Any, facts: Any, step: Callable[[str], None] = lambda _: None) -> Any:
        def early(name: str) -> None:
            if name == "reserved":
                newest = max(directory.glob(artefact.UNFINISHED + "*")).name.removeprefix(artefact.UNFINISHED)
                links.align(directory, newest, None)
            step(name)

        return _publish(directory, at, files, facts, early)

    artefact.publish = publish


PLANTS: dict[str, Callable[[], None]] = {
    plant.__name__: plant for plant in (no_relay, two_transactions, no_fence, no_unique_slot, link_before_fsync)
}


def names() -> Sequence[str]:
    """Return the names of the plants that live in our own processes."""
    return tuple(PLANTS)
