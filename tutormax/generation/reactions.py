"""What tutors do between their sessions, as events."""

import numpy as np

from tutormax.generation import instants
from tutormax.generation.agenda import Desk
from tutormax.generation.draws import Counts, Draws
from tutormax.generation.instants import DAY, HOUR, SECOND
from tutormax.generation.process import Floats, Integers
from tutormax.generation.rows import EVENT_TYPES, NOTHING_SAID, Events, EventType

SHORT_NOTICE_HOURS, LONGEST_NOTICE_HOURS = 24.0, 240.0
MOST_HOURS_A_WEEK = 168.0
LAGGARDS = 0.01


def of_the_day(desk: Desk, shown: Draws, resigned: Integers, next_event: int) -> Events:
    """Return the events of a day, numbered from next_event on."""
    counts, rng = shown.counts, desk.rng
    everybody = np.arange(len(desk.tutors))
    updated = np.flatnonzero(~np.isnan(counts.availability_hours))
    parts = [
        _events(desk, EventType.LOGIN, np.repeat(everybody, counts.logins), (6, 23)),
        _events(
            desk,
            EventType.MESSAGE_RESPONSE,
            np.repeat(everybody, counts.messages),
            (7, 23),
            value=shown.response_minutes.round(2).clip(0.01),
        ),
        *_reschedules(desk, counts),
        _events(
            desk,
            EventType.AVAILABILITY_CHANGE,
            updated,
            (6, 12),
            value=counts.availability_hours[updated].round(1).clip(0.1, MOST_HOURS_A_WEEK),
        ),
        _events(desk, EventType.TRAINING_COMPLETED, np.repeat(everybody, counts.trainings), (9, 21)),
        _resignations(desk, resigned),
    ]
    told = Events.concatenated(parts)
    known = desk.arrival(told.happened, _lag(len(told), rng))
    return told.with_(event=next_event + np.arange(len(told)), known=known)


def resignation_instants(day: int, resigned: Integers) -> Integers:
    """Return when tutors resign: before the first session of the day, each at a minute of their own."""
    return np.asarray(day * DAY + 6 * HOUR + resigned * 7919 % (3 * 3600) * SECOND)


def _reschedules(desk: Desk, counts: Counts) -> list[Events]:
    everybody = np.arange(len(desk.tutors))
    by_tutor = np.repeat(everybody, counts.tutor_reschedules)
    short = np.repeat(counts.short_notice, counts.tutor_reschedules)
    first_of_each = np.repeat(np.cumsum(counts.tutor_reschedules) - counts.tutor_reschedules, counts.tutor_reschedules)
    is_short = np.arange(len(by_tutor)) - first_of_each < short
    by_student = np.repeat(everybody, counts.student_reschedules)
    chance = desk.rng.random(len(by_tutor))
    brief = np.round(1 + chance * (SHORT_NOTICE_HOURS - 1.1), 1)
    notice = np.where(is_short, brief, _ample(desk, len(by_tutor)))
    return [
        _events(desk, EventType.RESCHEDULE, by_tutor, (6, 23), value=notice, by=1),
        _events(desk, EventType.RESCHEDULE, by_student, (6, 23), value=_ample(desk, len(by_student)), by=0),
    ]


def _ample(desk: Desk, count: int) -> Floats:
    hours = SHORT_NOTICE_HOURS + 48 * desk.rng.exponential(size=count)
    return np.asarray(np.round(np.minimum(hours, LONGEST_NOTICE_HOURS), 1))


def _resignations(desk: Desk, resigned: Integers) -> Events:
    return _made(EventType.RESIGNATION, resigned, resignation_instants(desk.day, resigned))


def _events(
    desk: Desk,
    kind: EventType,
    place: Integers,
    hours: tuple[int, int],
    *,
    value: Floats | None = None,
    by: int = NOTHING_SAID,
) -> Events:
    low, high = (desk.day * DAY + hour * HOUR for hour in hours)
    happened = instants.spread(low, high, desk.rng.random(len(place)))
    return _made(kind, desk.tutors.ordinal[place], happened, value, by)


def _made(
    kind: EventType, tutor: Integers, happened: Integers, value: Floats | None = None, by: int = NOTHING_SAID
) -> Events:
    count = len(tutor)
    return Events(
        event=np.zeros(count, np.int64),
        tutor=tutor,
        kind=np.full(count, EVENT_TYPES.index(kind)),
        happened=happened,
        value=np.full(count, np.nan) if value is None else value,
        by_tutor=np.full(count, by),
        known=happened,
    )


def _lag(count: int, rng: np.random.Generator) -> Integers:
    hours = instants.spread(HOUR, 6 * HOUR, rng.random(count)) * (rng.random(count) < LAGGARDS)
    return np.asarray((15 * SECOND * rng.exponential(size=count)).astype(np.int64) + hours)
