"""Writing the past of a marketplace: day after day until an instant, the next days told while some are stored."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import Connection

from tutormax import planner
from tutormax.ahead import Ahead
from tutormax.generation import archive, instants, marketplace, truth
from tutormax.generation.instants import DAY
from tutormax.generation.marketplace import Marketplace, Told
from tutormax.generation.store import Store, Written
from tutormax.generation.truth import Saved
from tutormax.generation.tutors import Tutors

DAYS_AT_ONCE = 7

Add = Callable[[Told], Written]
Progress = Callable[[int, int], object]


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
    late, current = [Told.nothing()], opened
    with Ahead(_blocks(opened, last_day)) as blocks:
        written = add(marketplace.already_there(opened))
        for block in blocks:
            current = block.after
            written += add(block.told)
            truth.add_evenings(store.connection, store.organization_id, block.evenings)
            late.append(block.late)
            if progress is not None:
                progress(current.world.day - first_day, last_day - first_day)
    # Of the day that is not over, what is known of it; and the bookings that lie ahead of it.
    told, after = marketplace.tell(current)
    written += add(told)
    booked = after.book.take(after.book.booking_known <= until)
    written += Written(sessions=store.add_sessions(booked))
    return Past(written, Saved(current, Told.concatenated(late), until))


def conclude(connection: Connection, organization_id: int, saved: Saved) -> None:
    """Remember a world as it is left, packed while the planner is shown what was written."""
    with ThreadPoolExecutor(max_workers=1) as packing:
        morning = packing.submit(archive.packed, saved.marketplace, saved.late)
        planner.count_anew(connection, "tutors", "students", "sessions", "student_feedback", "tutor_events")
        truth.advance(connection, organization_id, saved.written_until, morning=morning.result())


@dataclass(frozen=True, slots=True)
class _Block:
    """A few days told at once."""

    told: Told
    late: Told
    """Of these rows those that become known after the last day."""
    evenings: dict[int, Tutors]
    after: Marketplace


def _blocks(current: Marketplace, last_day: int) -> Iterator[_Block]:
    while (day := current.world.day) < last_day:
        parts, evenings = [], {}
        for today in range(day, min(day + DAYS_AT_ONCE, last_day)):
            told, current = marketplace.tell(current)
            parts.append(told)
            evenings[today] = current.world.tutors
        told = Told.concatenated(parts)
        yield _Block(told, told.known(after=last_day * DAY), evenings, current)
