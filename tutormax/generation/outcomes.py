"""What became of a day's sessions, and when it became known."""

import numpy as np

from tutormax.generation import instants
from tutormax.generation.agenda import OPENING, Desk, Role
from tutormax.generation.draws import NOT_RATED, Counts, Taught
from tutormax.generation.instants import DAY, HOUR, MINUTE, SECOND
from tutormax.generation.process import Flags, Floats, Integers
from tutormax.generation.rosters import rank_within
from tutormax.generation.rows import Feedback, Sessions, Status

LATE_MINUTES, LATEST_MINUTES = 5.0, 45.0
FAILED_MINUTES = 10.0
LAGGARDS = 0.03
"""Share of outcomes whose news takes hours."""
FEEDBACK_LAGGARDS = 0.02


def completed(desk: Desk, sessions: Sessions, taught: Taught) -> Sessions:
    """Return sessions that took place as taught, row by row."""
    late = _late_minutes(taught, desk.rng)
    actual = sessions.start + np.rint(late * MINUTE).astype(np.int64)
    ended = actual + sessions.minutes * MINUTE
    return sessions.with_(
        status=np.full(len(sessions), Status.COMPLETED),
        actual_start=actual,
        ended=ended,
        known=desk.arrival(ended, _lag(len(sessions), 4 * MINUTE, LAGGARDS, desk.rng)),
        late_minutes=late,
        engagement=np.round(taught.engagement, 4),
        objectives=taught.objectives.astype(np.int64),
        technical=taught.technical.astype(np.int64),
    )


def missed(desk: Desk, sessions: Sessions, roles: Integers, counts: Counts) -> Sessions:
    """Return sessions to which the tutor or the student did not come; some tutors were replaced at once."""
    by_tutor = roles == Role.NO_SHOW
    place = desk.position(sessions.tutor)
    replaced = by_tutor & (rank_within(place * 2 + by_tutor) < counts.no_shows_replaced[place])
    lag = 20 * MINUTE + _lag(len(sessions), 10 * MINUTE, LAGGARDS, desk.rng)
    return sessions.with_(
        status=np.where(by_tutor, Status.TUTOR_NO_SHOW, Status.STUDENT_NO_SHOW),
        known=desk.arrival(sessions.start, lag),
        replaced=replaced,
    )


def cancelled(desk: Desk, sessions: Sessions, roles: Integers) -> Sessions:
    """Return sessions given up on their day, some of them because somebody else teaches them."""
    earliest = np.maximum(sessions.booked, desk.day * DAY + OPENING)
    at = instants.spread(earliest, sessions.start - 5 * MINUTE, desk.rng.random(len(sessions)))
    return cancelled_at(desk, sessions, at, replaced=roles == Role.REPLACED)


def cancelled_at(desk: Desk, sessions: Sessions, at: Integers, *, replaced: Flags | None = None) -> Sessions:
    """Return sessions that were called off."""
    return sessions.with_(
        status=np.full(len(sessions), Status.CANCELLED),
        cancelled=at,
        known=desk.arrival(at),
        replaced=np.zeros(len(sessions), np.bool_) if replaced is None else replaced,
    )


def feedback(desk: Desk, sessions: Sessions, taught: Taught) -> Feedback:
    """Return what students said of completed sessions, up to two weeks later."""
    rated = taught.rating != NOT_RATED
    sessions, taught = sessions.take(rated), taught.take(rated)
    soon = instants.spread(10 * MINUTE, 4 * HOUR, desk.rng.random(len(sessions)))
    submitted = sessions.ended + taught.feedback_delay_days * DAY + soon
    return Feedback(
        session=sessions.session,
        session_start=sessions.start,
        tutor=sessions.tutor,
        student=sessions.student,
        rating=taught.rating,
        first=taught.first,
        submitted=submitted,
        known=desk.arrival(submitted, _lag(len(sessions), 20 * SECOND, FEEDBACK_LAGGARDS, desk.rng)),
    )


def _late_minutes(taught: Taught, rng: np.random.Generator) -> Floats:
    late = np.minimum(LATE_MINUTES + 0.1 + np.exp(rng.normal(1.4, 0.7, len(taught))), LATEST_MINUTES)
    # A first session that went well was not more than ten minutes late, or it would count as failed.
    late = np.where(taught.first & ~taught.failed, np.minimum(late, FAILED_MINUTES), late)
    hardly = np.maximum(0.0, rng.random(len(taught)) * 7 - 4)
    return np.asarray(np.round(np.where(taught.late, late, hardly), 1))


def _lag(count: int, usual: int, laggards: float, rng: np.random.Generator) -> Integers:
    hours = instants.spread(HOUR, 8 * HOUR, rng.random(count)) * (rng.random(count) < laggards)
    return np.asarray((usual * rng.exponential(size=count)).astype(np.int64) + hours)
