"""A sample: a small marketplace of which only the newest sessions are kept, in an organization of its own."""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from sqlalchemy import Connection

from tutormax import partitions
from tutormax.errors import PermanentError
from tutormax.generation import instants, marketplace, organizations, truth
from tutormax.generation.instants import DAY
from tutormax.generation.marketplace import Marketplace, Told
from tutormax.generation.process import Flags, Parameters
from tutormax.generation.rows import Sessions, Status
from tutormax.generation.store import Store, Written
from tutormax.generation.tutors import Tutors

MOST_TUTORS, MOST_SESSIONS, MOST_DAYS = 20_000, 1_000_000, 3650
EXPECTED_PER_TUTOR_AND_DAY = 1.8


class UnreasonableSampleError(PermanentError):
    """The numbers asked for cannot be, or could not be kept in memory."""


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """Which organization holds the sample, and what was written to it now."""

    organization_id: int
    organization: str
    rows: Written


def make_sample(connection: Connection, *, tutors: int, sessions: int, target_date: date, seed: int) -> SampleSummary:
    """Write the newest sessions of a marketplace that had ended by the end of a day (UTC), and what goes with them.

    The organization is named after the arguments; if it holds the sample already, nothing is written.
    """
    _check(tutors, sessions)
    name = f"sample: {tutors} tutors, {sessions} sessions until {target_date}, seed {seed}"
    organization_id = organizations.synthetic(connection, name)
    if truth.world_of(connection, organization_id) is not None:
        return SampleSummary(organization_id, name, Written())
    until = (instants.day_number(target_date) + 1) * DAY
    told, evenings, opened = _lived(Parameters(tutors=tutors), seed, until, sessions)
    kept = _newest(told, sessions, until)
    partitions.ensure(connection, instants.as_datetime(int(kept.decided.start.min())), instants.as_datetime(until))
    truth.begin(connection, organization_id, opened.world)
    written = Store(connection, organization_id, seed).add(kept, until=until)
    truth.add_evenings(connection, organization_id, evenings)
    truth.advance(connection, organization_id, until)
    return SampleSummary(organization_id, name, written)


def _check(tutors: int, sessions: int) -> None:
    for name, value, most in (("tutors", tutors, MOST_TUTORS), ("sessions", sessions, MOST_SESSIONS)):
        if not 0 < value <= most:
            raise UnreasonableSampleError(f"{value} {name} cannot be sampled; ask for 1 to {most}")
    if _days_for(tutors, sessions) > MOST_DAYS:
        raise UnreasonableSampleError(
            f"{tutors} tutors do not give {sessions} sessions in {MOST_DAYS} days; ask for more tutors"
        )


def _days_for(tutors: int, sessions: int) -> int:
    return 3 + int(sessions / (tutors * EXPECTED_PER_TUTOR_AND_DAY))


def _lived(parameters: Parameters, seed: int, until: int, sessions: int) -> tuple[Told, dict[int, Tutors], Marketplace]:
    """Live as many days as it takes for enough sessions to have ended: a few tutors may all be on leave."""
    days = _days_for(parameters.tutors, sessions)
    while True:
        opened = current = marketplace.opened(parameters, seed, until // DAY - days)
        parts, evenings = [marketplace.already_there(opened)], {}
        while (day := current.world.day) < until // DAY:
            told, current = marketplace.tell(current)
            parts.append(told)
            evenings[day] = current.world.tutors
        told = Told.concatenated(parts)
        if _ended(told.decided, until).sum() >= sessions:
            return told, evenings, opened
        days *= 2


def _ended(sessions: Sessions, until: int) -> Flags:
    return np.asarray((sessions.status != Status.CANCELLED) & (sessions.known <= until))


def _newest(told: Told, sessions: int, until: int) -> Told:
    """Keep the newest sessions that have ended, what was said of them, and what happened since the first of them."""
    ended = np.flatnonzero(_ended(told.decided, until))
    newest = ended[np.lexsort((told.decided.session[ended], told.decided.start[ended]))][-sessions:]
    kept = told.decided.take(newest)
    since = int(kept.start.min())
    return replace(
        told,
        students=told.students.take(np.isin(told.students.student, kept.student)),
        decided=kept,
        feedback=told.feedback.take(np.isin(told.feedback.session, kept.session)),
        events=told.events.take(told.events.happened >= since),
    )
