"""The world goes on: rows are written as they become known, a batch at a time."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import Connection

from tutormax import hindsight, partitions, rescoring
from tutormax.generation import changes, instants, marketplace, organizations, truth
from tutormax.generation.instants import DAY
from tutormax.generation.marketplace import Told
from tutormax.generation.process import Integers, Parameters
from tutormax.generation.rows import Sessions
from tutormax.generation.store import Store, Written
from tutormax.generation.truth import Saved

SESSIONS_PER_TUTOR_AND_DAY = 2.03
PARTITIONS_AHEAD = timedelta(days=45)
LONGEST_PAUSE = timedelta(days=1)

RequestScores = Callable[[Connection, Collection[int], str], int]


@dataclass(frozen=True, slots=True)
class ContinuationSummary:
    """What was written, and until when the world is written now."""

    organization_id: int
    written_until: datetime
    rows: Written
    outcomes: int
    scores_requested: int


def continue_world(
    connection: Connection,
    *,
    organization: str,
    now: datetime,
    batch_size: int,
    sessions_per_day: int,
    seed: int,
    request_scores: RequestScores = rescoring.request,
) -> ContinuationSummary:
    """Write what became known since the last call, oldest first, until `now` or until so many sessions were booked.

    An organization without a world gets one that opens this morning, large enough for the sessions wanted. After more
    than a day, the training features computed meanwhile are forgotten: the rows of that time were known all along.
    Raises NotSyntheticError for a customer's organization.
    """
    organization_id = organizations.synthetic(connection, organization)
    saved = truth.load(connection, organization_id) or _opened(connection, organization_id, now, sessions_per_day, seed)
    begins = instants.as_datetime(saved.written_until)
    if now - begins > LONGEST_PAUSE:
        hindsight.forget_training_features(connection, organization_id, begins)
    partitions.ensure(connection, begins, now + PARTITIONS_AHEAD)
    writer = changes.Writer(Store(connection, organization_id, saved.marketplace.world.seed), request_scores)
    until, room = instants.of(now), batch_size
    while saved.written_until < until and room > 0:
        told, after = marketplace.tell(saved.marketplace)
        everything = Told.concatenated([saved.late, told])
        evening = (saved.marketplace.world.day + 1) * DAY
        reached = _within(everything.booked, saved.written_until, min(until, evening), room)
        room -= writer.write(everything.known(after=saved.written_until, until=reached))
        if reached < evening:
            truth.advance(connection, organization_id, reached)
            saved = Saved(saved.marketplace, saved.late, reached)
            break
        truth.add_evenings(connection, organization_id, {saved.marketplace.world.day: after.world.tutors})
        saved = Saved(after, everything.known(after=evening), evening)
        truth.save(connection, organization_id, saved)
    return ContinuationSummary(
        organization_id, instants.as_datetime(saved.written_until), writer.rows, writer.outcomes, writer.scores
    )


def _opened(connection: Connection, organization_id: int, now: datetime, sessions_per_day: int, seed: int) -> Saved:
    """Open a marketplace this morning: its tutors and students are there, its agenda is empty."""
    tutors = max(1, round(sessions_per_day / SESSIONS_PER_TUTOR_AND_DAY))
    first_day = instants.day_of(instants.of(now))
    opened = marketplace.opened(Parameters(tutors=tutors), seed, first_day)
    opened = opened.with_empty_book()
    truth.begin(connection, organization_id, opened.world)
    with Store(connection, organization_id, seed) as store:
        store.add(marketplace.already_there(opened), until=first_day * DAY)
    saved = Saved(opened, Told.nothing(), first_day * DAY)
    truth.save(connection, organization_id, saved)
    return saved


def _within(booked: Sessions, after: int, until: int, room: int) -> int:
    """Return the instant, at most `until`, up to which no more sessions were booked than there is room for."""
    known: Integers = np.sort(booked.booking_known[(booked.booking_known > after) & (booked.booking_known <= until)])
    return until if len(known) <= room else int(known[room - 1])
