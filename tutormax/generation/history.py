"""A marketplace's past, written at once: every row that had become known by an instant."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection, text

from tutormax import partitions
from tutormax.errors import PermanentError
from tutormax.generation import instants, marketplace, organizations, truth
from tutormax.generation.instants import DAY
from tutormax.generation.marketplace import Marketplace, Told
from tutormax.generation.process import Parameters
from tutormax.generation.store import Store, Written
from tutormax.generation.truth import Saved
from tutormax.generation.tutors import Tutors

DAYS_AT_ONCE = 7
# Beyond the last booking, and for a first while of continuing.
PARTITIONS_AHEAD = timedelta(days=62)

Progress = Callable[[int, int], object]
T = TypeVar("T")


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
    last_day = instants.day_of(until)
    first_day = last_day - days
    organization_id = organizations.synthetic(connection, organization)
    if truth.world_of(connection, organization_id) is not None:
        raise WorldExistsError(f"{organization!r} has a world already: continue it, clear it, or name another")
    partitions.ensure(connection, instants.as_datetime(first_day * DAY), end + PARTITIONS_AHEAD)

    current = marketplace.opened(made_with, seed, first_day)
    truth.begin(connection, organization_id, current.world)
    store = Store(connection, organization_id, seed)
    written = store.add(marketplace.already_there(current), until=until)
    late = Told.nothing()
    for block in _ahead(_blocks(current, last_day)):
        current = block.after
        written += store.add(block.told, until=until)
        truth.add_evenings(connection, organization_id, block.evenings)
        late = Told.concatenated([late, block.told.known(after=last_day * DAY)])
        if progress is not None:
            progress(current.world.day - first_day, days)
    written += _add_last_day(store, current, until)
    truth.save(connection, organization_id, Saved(current, late, until))
    _analyze(connection)
    return HistorySummary(organization_id, days, written)


@dataclass(frozen=True, slots=True)
class _Block:
    """A few days told at once."""

    told: Told
    evenings: dict[int, Tutors]
    after: Marketplace


def _blocks(current: Marketplace, last_day: int) -> Iterator[_Block]:
    while (day := current.world.day) < last_day:
        parts, evenings = [], {}
        for today in range(day, min(day + DAYS_AT_ONCE, last_day)):
            told, current = marketplace.tell(current)
            parts.append(told)
            evenings[today] = current.world.tutors
        yield _Block(Told.concatenated(parts), evenings, current)


def _ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield items, the next being made while one is used: PostgreSQL stores a block while we tell the next."""
    with ThreadPoolExecutor(max_workers=1) as maker:
        coming = maker.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = maker.submit(next, items, None)
            yield item


def _add_last_day(store: Store, current: Marketplace, until: int) -> Written:
    """Append what is known of the day that is not over, and the bookings that lie ahead of it."""
    told, after = marketplace.tell(current)
    written = store.add(told, until=until)
    ahead = after.book.take(after.book.booking_known <= until)
    return written + Written(sessions=store.add_sessions(ahead))


def _analyze(connection: Connection) -> None:
    """Show the planner the rows before anybody plans a query over a million that it has never seen."""
    # A fifth of the usual sample serves as well here, and takes a fifth of the time.
    connection.execute(text("set local default_statistics_target = 20"))
    connection.execute(text("analyze tutors, students, sessions, student_feedback, tutor_events"))
    connection.execute(text("set local default_statistics_target to default"))
