"""The rows that a marketplace leaves, as columns, each with the instant at which it became known."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

import numpy as np

from tutormax.generation.columns import Columns
from tutormax.generation.instants import NEVER
from tutormax.generation.process import Flags, Floats, Integers
from tutormax.generation.tutors import SUBJECT_VARIANTS, Tutors

# What a tutor of each subject group may teach; the variant picks one.
SUBJECTS = (
    (("math",), ("science",), ("math", "science")),
    (("english",), ("spanish",), ("english", "french")),
    (("test_prep",),),
)
SUBJECT_NAMES = ("math", "science", "english", "spanish", "french", "test_prep")
_SUBJECT_OF = np.array(
    [
        [
            [
                SUBJECT_NAMES.index(choices[variant % len(choices)][half % len(choices[variant % len(choices)])])
                for half in (0, 1)
            ]
            for variant in range(SUBJECT_VARIANTS)
        ]
        for choices in SUBJECTS
    ]
)


class Status(IntEnum):
    """How a session stands; its name in lower case is what the table holds."""

    SCHEDULED = 0
    COMPLETED = 1
    TUTOR_NO_SHOW = 2
    STUDENT_NO_SHOW = 3
    CANCELLED = 4


class EventType(StrEnum):
    """What tutors do outside their sessions."""

    LOGIN = "login"
    RESCHEDULE = "reschedule"
    MESSAGE_RESPONSE = "message_response"
    AVAILABILITY_CHANGE = "availability_change"
    TRAINING_COMPLETED = "training_completed"
    RESIGNATION = "resignation"


EVENT_TYPES = tuple(EventType)
# A yes, a no, or nothing said, in one small column.
NOTHING_SAID = -1


@dataclass(frozen=True, slots=True)
class Students(Columns):
    """Students as they become known."""

    student: Integers
    known: Integers


@dataclass(frozen=True, slots=True)
class Sessions(Columns):
    """Sessions; of a scheduled one nothing from `status` on has happened yet."""

    session: Integers
    tutor: Integers
    student: Integers
    number: Integers
    subject: Integers
    start: Integers
    minutes: Integers
    booked: Integers
    booking_known: Integers
    status: Integers
    cancelled: Integers
    actual_start: Integers
    ended: Integers
    known: Integers
    late_minutes: Floats
    engagement: Floats
    objectives: Integers
    technical: Integers
    replaced: Flags

    def as_booked(self) -> "Sessions":
        """Return them as they stood before anything came of them."""
        return self.with_(**_nothing_yet(len(self)))


@dataclass(frozen=True, slots=True)
class Feedback(Columns):
    """What students said of completed sessions."""

    session: Integers
    session_start: Integers
    tutor: Integers
    student: Integers
    rating: Integers
    first: Flags
    submitted: Integers
    known: Integers


@dataclass(frozen=True, slots=True)
class Events(Columns):
    """What tutors did."""

    event: Integers
    tutor: Integers
    kind: Integers
    """Position in EVENT_TYPES."""
    happened: Integers
    value: Floats
    by_tutor: Integers
    known: Integers


def scheduled(**columns: Any) -> Sessions:
    """Return sessions of which only the booking is known."""
    return Sessions(**columns, **_nothing_yet(len(columns["session"])))


def subject_of(tutors: Tutors, students: Integers) -> Integers:
    """Return the subject, as a position in SUBJECT_NAMES, that each student learns with each tutor."""
    return np.asarray(_SUBJECT_OF[tutors.subject, tutors.variant, students % 2])


def taught_subjects(subject: int, variant: int) -> tuple[str, ...]:
    """Return what a tutor of a group and variant teaches."""
    return SUBJECTS[subject][variant % len(SUBJECTS[subject])]


def _nothing_yet(count: int) -> dict[str, Any]:
    return {
        "status": np.full(count, Status.SCHEDULED),
        "cancelled": np.full(count, NEVER),
        "actual_start": np.full(count, NEVER),
        "ended": np.full(count, NEVER),
        "known": np.full(count, NEVER),
        "late_minutes": np.full(count, np.nan),
        "engagement": np.full(count, np.nan),
        "objectives": np.full(count, NOTHING_SAID),
        "technical": np.full(count, NOTHING_SAID),
        "replaced": np.zeros(count, np.bool_),
    }
