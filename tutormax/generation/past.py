"""Writing the past of a marketplace: day after day until an instant, the next days told while some are stored."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, text

from tutormax.generation import instants, marketplace, truth
from tutormax.generation.instants import DAY
from tutormax.generation.marketplace import Marketplace, Told
from tutormax.generation.store import Store, Written
from tutormax.generation.truth import Saved
from tutormax.generation.tutors import Tutors

DAYS_AT_ONCE = 7

Add = Callable[[Told], Written]
Progress = Callable[[int, int], object]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Past:
    """What was written, and the world as it is left."""

    rows: Written
    saved: Saved


def write_past(store: Store, opened: Marketplace, until: int, *, add: Add, progress: Progress | None = None) -> Past:
    """Write what became known from a marketplace's first day until an instant; `add` stores the rows of some days.

    The progress is told how many of how many whole days are written.
    """
    first_day, last_day = opened.world.day, instants.day_of(until)
    truth.begin(store.connection, store.organization_id, opened.world)
    written, late, current = add(marketplace.already_there(opened)), Told.nothing(), opened
    for block in _ahead(_blocks(opened, last_day)):
        current = block.after
        written += add(block.told)
        truth.add_evenings(store.connection, store.organization_id, block.evenings)
        late = Told.concatenated([late, block.told.known(after=last_day * DAY)])
        if progress is not None:
            progress(current.world.day - first_day, last_day - first_day)
    # Of the day that is not over, what is known of it; and the bookings that lie ahead of it.
    told, after = marketplace.tell(current)
    written += add(told)
    ahead = after.book.take(after.book.booking_known <= until)
    written += Written(sessions=store.add_sessions(ahead))
    return Past(written, Saved(current, late, until))


def analyze(connection: Connection) -> None:
    """Show the planner the rows before anybody plans a query over a million that it has never seen."""
    # A fifth of the usual sample serves as well here, and takes a fifth of the time.
    connection.execute(text("set local default_statistics_target = 20"))
    connection.execute(text("analyze tutors, students, sessions, student_feedback, tutor_events"))
    connection.execute(text("set local default_statistics_target to default"))


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
    """Yield items, the next being made while one is used: PostgreSQL is busy while we are not."""
    with ThreadPoolExecutor(max_workers=1) as maker:
        coming = maker.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = maker.submit(next, items, None)
            yield item
