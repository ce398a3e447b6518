"""The five kinds of files: their columns, the names these go by elsewhere, and how a file's kind is told."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tutormax.ingest.instants import Instant
from tutormax.ingest.values import Choice, Identifier, Number, Rule, Text, Whole, Words, flag


class Kind(StrEnum):
    """What the rows of a file are, in the order in which files are taken in."""

    TUTORS = "tutors"
    STUDENTS = "students"
    SESSIONS = "sessions"
    FEEDBACK = "feedback"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Column:
    """One column that we read: our name, its rule, and other names it goes by, the first that is there counts."""

    name: str
    rule: Rule
    aliases: tuple[str, ...] = ()
    required: bool = False

    def found_in(self, header: Collection[str]) -> str | None:
        """Return the name under which a header holds this column."""
        told = {normal(name): name for name in header}
        return next((told[name] for name in (self.name, *self.aliases) if name in told), None)


STATUSES: dict[str, str | bool] = {
    "scheduled": "scheduled",
    "completed": "completed",
    "tutor_no_show": "tutor_no_show",
    "no_show": "tutor_no_show",
    "student_no_show": "student_no_show",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}
EVENT_TYPES: dict[str, str | bool] = {
    name: name
    for name in ("login", "reschedule", "message_response", "availability_change", "training_completed", "resignation")
}
MINUTES_A_DAY = 24 * 60
HOURS_A_WEEK = 7 * 24

COLUMNS: dict[Kind, tuple[Column, ...]] = {
    Kind.TUTORS: (
        Column("tutor_id", Identifier(), ("external_id",), required=True),
        Column("joined_at", Instant(dates=True), ("onboarding_date", "onboarded_at", "hired_at"), required=True),
        Column("name", Text(), ("tutor_name", "full_name")),
        Column("subjects", Words(), ("subject",)),
        Column("baseline_sessions_per_week", Number(0, 1000), ("baseline",)),
    ),
    Kind.STUDENTS: (
        Column("student_id", Identifier(), ("external_id",), required=True),
        Column("joined_at", Instant(dates=True), ("registered_at", "enrolled_at", "created_at")),
    ),
    Kind.SESSIONS: (
        Column("session_id", Identifier(), ("external_id",), required=True),
        Column("tutor_id", Identifier(), required=True),
        Column("student_id", Identifier(), required=True),
        Column("scheduled_start", Instant(), ("scheduled_at", "start_time"), required=True),
        Column("duration_minutes", Whole(0, MINUTES_A_DAY), ("duration",), required=True),
        Column("session_number", Whole(1, 100_000)),
        Column("is_first_session", flag(), ("first_session",)),
        Column("subject", Text()),
        Column("status", Choice(STATUSES), ("session_status",)),
        Column("no_show", flag(), ("tutor_no_show",)),
        Column("booked_at", Instant(), ("booking_time",)),
        Column("cancelled_at", Instant(), ("canceled_at",)),
        Column("actual_start", Instant(), ("started_at",)),
        Column("ended_at", Instant(), ("actual_end",)),
        Column("late_start_minutes", Number(0, MINUTES_A_DAY), ("minutes_late",)),
        Column("engagement_score", Number(0, 1)),
        Column("objectives_met", flag(), ("learning_objectives_met",)),
        Column("technical_issues", flag(), ("technical_issue",)),
        Column("tutor_replaced", flag(), ("replaced",)),
        Column("tutor_rescheduled", flag(), ("tutor_initiated_reschedule",)),
    ),
    Kind.FEEDBACK: (
        Column("feedback_id", Identifier(), ("external_id",), required=True),
        Column("session_id", Identifier(), required=True),
        Column("rating", Whole(1, 5), ("overall_rating",), required=True),
        Column("submitted_at", Instant(), ("feedback_time", "rated_at"), required=True),
        Column("tutor_id", Identifier()),
        Column("student_id", Identifier()),
        Column("is_first_session", flag(), ("first_session",)),
    ),
    Kind.EVENTS: (
        Column("event_id", Identifier(), ("external_id",), required=True),
        Column("tutor_id", Identifier(), required=True),
        Column("event_type", Choice(EVENT_TYPES), ("type",), required=True),
        Column("event_time", Instant(), ("event_timestamp", "occurred_at"), required=True),
        Column("by_tutor", flag(), ("tutor_initiated",)),
        # What an event's number means depends on its type; a file may keep each in a column of its own.
        Column("value", Number(0, 1_000_000)),
        Column("response_minutes", Number(0, 1_000_000), ("response_time_minutes",)),
        Column("notice_hours", Number(0, 1_000_000), ("hours_of_notice",)),
        Column("availability_hours", Number(0, HOURS_A_WEEK), ("hours_per_week",)),
    ),
}
# The most telling first: a session's columns are all that a file of students needs.
TELLING = (Kind.FEEDBACK, Kind.SESSIONS, Kind.EVENTS, Kind.TUTORS, Kind.STUDENTS)


def kind_of(path: Path, header: Collection[str]) -> Kind | None:
    """Return what a file's rows are: what its name says, else what its columns allow; None when neither tells."""
    fitting = [kind for kind in TELLING if not missing_columns(kind, header)]
    named = [kind for kind in TELLING if kind.value.rstrip("s") in path.name.lower()]
    both = [kind for kind in fitting if kind in named]
    # A name alone is enough to say which columns are missing.
    return next(iter(both or fitting or named), None)


def missing_columns(kind: Kind, header: Collection[str]) -> list[str]:
    """Return the columns that a kind cannot do without and a header does not hold."""
    return [column.name for column in COLUMNS[kind] if column.required and column.found_in(header) is None]


def normal(name: str) -> str:
    """Return a column's name as it is compared: lower case, words joined by underscores."""
    return "_".join(name.strip().lower().replace("-", " ").replace("_", " ").split())
