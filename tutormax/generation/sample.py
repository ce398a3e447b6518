"""A sample: a marketplace of which the newest sessions are kept, in an organization of its own."""

import math
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np
from sqlalchemy import Connection

from tutormax import partitions
from tutormax.errors import PermanentError
from tutormax.generation import instants, marketplace, organizations, truth
from tutormax.generation.history import PARTITIONS_AHEAD
from tutormax.generation.instants import DAY
from tutormax.generation.marketplace import Told
from tutormax.generation.past import Progress, conclude, write_past
from tutormax.generation.process import Flags, Integers, Parameters
from tutormax.generation.rows import Sessions, Status
from tutormax.generation.store import Store, Written

MOST_TUTORS, MOST_SESSIONS, MOST_DAYS = 20_000, 2_000_000, 3650
ENDED_PER_TUTOR_AND_DAY = 2.09
# A marketplace of any size is within this of what is expected of it; of a few tutors all may be on leave.
MARGIN, SPARE_DAYS = 0.12, 3
HELD_AT_ONCE = 20_000
LARGEST_SEED = 2**32 - 1


class UnreasonableSampleError(PermanentError):
    """The numbers asked for cannot be, or would take years."""


class _TooFewDaysError(Exception):
    """The days lived do not hold the sessions asked for, or the days held back do not hold the surplus."""


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """Which organization holds the sample, and what was written to it now."""

    organization_id: int
    organization: str
    rows: Written


def span(tutors: int, sessions: int, target_date: date) -> tuple[datetime, datetime]:
    """Return the time that a sample's rows will lie in, unless many of its tutors are on leave.

    Making its partitions locks out every reader until the commit, so it is best done in a transaction of its own.
    """
    until = (instants.day_number(target_date) + 1) * DAY
    start, end = (instants.as_datetime(at) for at in (until - _days_for(tutors, sessions) * DAY, until))
    return start, end + PARTITIONS_AHEAD


def make_sample(
    connection: Connection,
    *,
    tutors: int,
    sessions: int,
    target_date: date,
    seed: int,
    held_at_once: int = HELD_AT_ONCE,
    progress: Progress | None = None,
) -> SampleSummary:
    """Write the newest sessions of a marketplace that had ended when a day (UTC) was over, and all that goes with them.

    So many and no more; the bookings that lay ahead then, and those cancelled since the first of them, come on top.
    The organization is named after the arguments; if it holds the sample already, nothing is written. A sample of at
    most held_at_once sessions is made in memory first.
    """
    days = _days_for(tutors, sessions)
    if not 0 <= seed <= LARGEST_SEED:
        raise UnreasonableSampleError(f"{seed} is no seed; name one from 0 to {LARGEST_SEED}")
    name = f"sample: {tutors} tutors, {sessions} sessions until {target_date}, seed {seed}"
    organization_id = organizations.synthetic(connection, name)
    if truth.world_of(connection, organization_id) is not None:
        return SampleSummary(organization_id, name, Written())
    until = (instants.day_number(target_date) + 1) * DAY
    end = instants.as_datetime(until)
    few = sessions <= held_at_once
    while True:
        first_day = until // DAY - days
        # Eight months are lived before the first that is stored; PostgreSQL makes room meanwhile.
        with ThreadPoolExecutor(max_workers=1) as living:
            opening = living.submit(marketplace.opened, Parameters(tutors=tutors), seed, first_day)
            partitions.ensure(connection, instants.as_datetime(first_day * DAY), end + PARTITIONS_AHEAD)
            opened = opening.result()
        try:
            with connection.begin_nested(), Store(connection, organization_id, seed) as store:
                newest = _Newest(store, until, sessions, hold_all=few)
                past = write_past(store, opened, until, add=newest.add, progress=progress)
                written = past.rows + newest.finish()
        except _TooFewDaysError:
            days, few = 2 * days, True
            continue
        conclude(connection, organization_id, replace(past.saved, late=newest.without_dropped(past.saved.late)))
        return SampleSummary(organization_id, name, written)


class _Newest:
    """Stores the newest sessions: the first days are held back until it is known how much of them is too much."""

    def __init__(self, store: Store, until: int, sessions: int, *, hold_all: bool) -> None:
        self.store = store
        self._until = until
        self._sessions = sessions
        self._hold = sys.maxsize if hold_all else 2 * MARGIN * sessions
        self._held: list[Told] = []
        self._held_ended = 0
        self._stored_ended = 0
        self._dropped = np.zeros(0, np.int64)

    def add(self, told: Told) -> Written:
        """Store everybody, and what they did unless these are the first days."""
        written = self.store.add_people(told, until=self._until)
        ended = int(_ended(told.decided, self._until).sum())
        if self._held_ended < self._hold:
            self._held.append(told)
            self._held_ended += ended
            return written
        self._stored_ended += ended
        return written + self.store.add_facts(told, until=self._until)

    def finish(self) -> Written:
        """Store as much of the first days as is still missing; raise _TooFewDaysError if they do not hold that."""
        missing = self._sessions - self._stored_ended
        if not 0 < missing <= self._held_ended:
            raise _TooFewDaysError
        held = Told.concatenated(self._held)
        ended = np.flatnonzero(_ended(held.decided, self._until))
        in_time = ended[np.lexsort((held.decided.session[ended], held.decided.start[ended]))]
        since = held.decided.start[in_time[-missing]]
        dropped = held.decided.start < since
        dropped[in_time[:-missing]] = True
        self._dropped = held.decided.session[dropped]
        kept = replace(held, events=held.events.take(held.events.happened >= since))
        return self.store.add_facts(self.without_dropped(kept), until=self._until)

    def without_dropped(self, told: Told) -> Told:
        """Return rows without those about sessions that were not stored."""

        def stays(sessions: Integers) -> Flags:
            return ~np.isin(sessions, self._dropped)

        return replace(
            told,
            decided=told.decided.take(stays(told.decided.session)),
            feedback=told.feedback.take(stays(told.feedback.session)),
        )


def _days_for(tutors: int, sessions: int) -> int:
    """Return how many days will do for so many sessions; raise UnreasonableSampleError if the numbers cannot be."""
    for name, value, most in (("tutors", tutors, MOST_TUTORS), ("sessions", sessions, MOST_SESSIONS)):
        if not 0 < value <= most:
            raise UnreasonableSampleError(f"{value} {name} cannot be sampled; ask for 1 to {most}")
    days = SPARE_DAYS + math.ceil((1 + MARGIN) * sessions / (tutors * ENDED_PER_TUTOR_AND_DAY))
    if days > MOST_DAYS:
        raise UnreasonableSampleError(
            f"{tutors} tutors do not give {sessions} sessions in {MOST_DAYS} days; ask for more tutors"
        )
    return days


def _ended(sessions: Sessions, until: int) -> Flags:
    return np.asarray((sessions.status != Status.CANCELLED) & (sessions.known <= until))
