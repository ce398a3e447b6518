"""A marketplace's past, written at once: every row that had become known by an instant."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from tutormax import partitions
from tutormax.errors import PermanentError
from tutormax.generation import instants, marketplace, organizations, truth
from tutormax.generation.instants import DAY
from tutormax.generation.past import Progress, conclude, write_past
from tutormax.generation.process import Parameters
from tutormax.generation.store import Store, Written

# Beyond the last booking, and for a first while of continuing.
PARTITIONS_AHEAD = timedelta(days=62)


class WorldExistsError(PermanentError):
    """The organization already has a world; it can be continued, or cleared."""


@dataclass(frozen=True, slots=True)
class HistorySummary:
    """What was written, and to which organization."""

    organization_id: int
    days: int
    rows: Written


def make_history(
    connection: Connection,
    *,
    organization: str,
    end: datetime,
    days: int,
    seed: int,
    parameters: Parameters | None = None,
    progress: Progress | None = None,
) -> HistorySummary:
    """Write the rows of a synthetic marketplace that became known in the days before an instant.

    Raises NotSyntheticError for a customer's organization and WorldExistsError for one that has a world already.
    The progress is told how many of how many days are written.
    """
    made_with = parameters or Parameters()
    until = instants.of(end)
    first_day = instants.day_of(until) - days
    organization_id = organizations.synthetic(connection, organization)
    if truth.world_of(connection, organization_id) is not None:
        raise WorldExistsError(f"{organization!r} has a world already: continue it, clear it, or name another")
    partitions.ensure(connection, instants.as_datetime(first_day * DAY), end + PARTITIONS_AHEAD)

    with Store(connection, organization_id, seed) as store:
        past = write_past(
            store,
            marketplace.opened(made_with, seed, first_day),
            until,
            add=partial(store.add, until=until),
            progress=progress,
        )
    conclude(connection, organization_id, past.saved)
    return HistorySummary(organization_id, days, past.rows)
