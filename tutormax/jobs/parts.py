"""Parts of a long job: jobs of their own that any worker may take, while the long job does what nobody has taken.

So it is done when all of it is done, whoever did it; and since it waits only for workers that are at a part just now,
it comes to its end on a single thread too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from tutormax import queries


@dataclass(frozen=True, slots=True)
class Standing:
    """How some parts stand: the results of those that are done, and those at which nobody is."""

    done: Mapping[UUID, Mapping[str, Any]]
    free: Sequence[UUID]


def standing(connection: Connection, parts: Sequence[UUID]) -> Standing:
    """Return how parts stand; in neither list are those that a worker holds."""
    rows = {row.job_id: row for row in connection.execute(queries.load("stand_of_jobs"), {"job_ids": list(parts)})}
    done = {part: rows[part].result for part in parts if part in rows and rows[part].state == "done"}
    free = [part for part in parts if part not in done and not (part in rows and rows[part].held)]
    return Standing(done, free)


def take_back(connection: Connection, part: UUID) -> bool:
    """Keep every worker from a part that nobody holds; tell whether it is ours to do now.

    Ours is also one that died or was cancelled: whoever asked for the whole hears of it from the job that asked.
    """
    connection.execute(queries.load("take_back_job"), {"job_id": part})
    return part in standing(connection, [part]).free
