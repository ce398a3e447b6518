"""Following a job to its end, through retries and whatever its servers do meanwhile."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from tutormax import db
from tutormax.errors import PermanentError
from tutormax.tables import jobs

LOOK_SECONDS = 0.2
ENDS = frozenset({"done", "dead", "cancelled"})
_COLUMNS = (
    "actor queue args state available_at attempts progress result error error_type created_at started_at finished_at"
)


class UnknownJobError(PermanentError):
    """There is no such job, or it was forgotten."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a job stands."""

    actor: str
    queue: str
    args: Mapping[str, Any]
    state: str
    available_at: datetime
    attempts: int
    progress: Mapping[str, Any] | None
    result: Mapping[str, Any] | None
    error: str | None
    error_type: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ENDS


def standing(job_id: UUID) -> Standing:
    """Return how a job stands now; raise UnknownJobError."""
    columns = [jobs.c[name] for name in _COLUMNS.split()]
    with db.transaction() as connection:
        row = connection.execute(select(*columns).where(jobs.c.job_id == job_id)).one_or_none()
    if row is None:
        raise UnknownJobError(f"there is no job {job_id}")
    return Standing(*row)


def follow(job_id: UUID, *, timeout_seconds: float, tell: Callable[[Standing], object]) -> Standing:
    """Tell how a job stands until it has ended or the time is up; return how it stood at last."""
    deadline = time.monotonic() + timeout_seconds
    seen = standing(job_id)
    while not seen.ended and time.monotonic() < deadline:
        tell(seen)
        time.sleep(LOOK_SECONDS)
        seen = _seen_again(job_id, seen)
    return seen


def _seen_again(job_id: UUID, seen: Standing) -> Standing:
    try:
        return standing(job_id)
    except OperationalError:
        # The job is a row: a database that restarts brings it back.
        return seen
