"""Appending a marketplace's rows to its organization, by COPY."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from sqlalchemy import ARRAY, Column, ColumnElement, Connection, Text, any_, cast, select, text

from tutormax import tables
from tutormax.ahead import Ahead
from tutormax.generation import copying, identifiers, instants, monthly, truth
from tutormax.generation.copying import Piece, Rows
from tutormax.generation.identifiers import Kind
from tutormax.generation.marketplace import Told, joined_at
from tutormax.generation.monthly import Facts
from tutormax.generation.names import names
from tutormax.generation.process import BASELINES, Integers
from tutormax.generation.rows import (
    EVENT_TYPES,
    SUBJECT_NAMES,
    Events,
    EventType,
    Feedback,
    Sessions,
    Status,
    Students,
    taught_subjects,
)
from tutormax.generation.tutors import Tutors

STATUS_NAMES = tuple(status.name.lower() for status in Status)
# What daily sums count, as the triggers of the tables say; a reschedule is marked whoever asked for it.
HELD = (Status.COMPLETED, Status.TUTOR_NO_SHOW, Status.STUDENT_NO_SHOW)
COUNTED = [EVENT_TYPES.index(kind) for kind in (EventType.LOGIN, EventType.RESCHEDULE, EventType.MESSAGE_RESPONSE)]


@dataclass(frozen=True, slots=True)
class Written:
    """How many rows were written."""

    tutors: int = 0
    students: int = 0
    sessions: int = 0
    feedback: int = 0
    events: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(
            **{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)}
        )


class Ids:
    """Which id the row of a serial number got."""

    def __init__(self) -> None:
        self._ids = np.zeros(0, np.int64)

    def __getitem__(self, serials: Integers) -> Integers:
        return self._ids[serials]

    def put(self, serials: Integers, ids: Integers) -> None:
        """Remember the ids of serial numbers."""
        needed = int(serials.max(initial=-1)) + 1
        if needed > len(self._ids):
            # Zeros that nobody touches take no memory, however high the numbers have become.
            longer = np.zeros(max(needed, 2 * len(self._ids)), np.int64)
            longer[: len(self._ids)] = self._ids
            self._ids = longer
        self._ids[serials] = ids


# Only the first where they follow each other, because nobody else draws.
NEW_IDS = text(
    "select case when max(id) - min(id) + 1 = count(*) then array[min(id)] else array_agg(id) end"
    " from (select nextval(cast(:sequence as regclass)) as id from generate_series(1, :count)) as drawn"
)
# In place of the id of somebody who is not there any more: the world goes on telling of erased tutors.
ERASED = 0


class Store:
    """One organization's rows, appended in order: whoever is named was added before.

    Facts of many people, all known by an instant, are made while those before them are stored: the last ones come in at
    the end of the `with`.
    """

    def __init__(self, connection: Connection, organization_id: int, seed: int) -> None:
        self.connection = connection
        self.organization_id = organization_id
        self.seed = seed
        self._tutors, self._students, self._sessions = Ids(), Ids(), Ids()
        self._coming: Ahead[Piece] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if failed is None:
            self._store_coming(None)
        elif self._coming is not None:
            self._coming.close()

    def add(self, told: Told, *, until: int) -> Written:
        """Append what of these rows was known by an instant; a session whose outcome was not stands as booked."""
        return self.add_people(told, until=until) + self.add_facts(told, until=until)

    def add_people(self, told: Told, *, until: int) -> Written:
        """Append the tutors and students who were known by an instant."""
        return Written(
            tutors=self.add_tutors(told.tutors.take(joined_at(told.tutors) <= until)),
            students=self.add_students(told.students.take(told.students.known <= until)),
        )

    def add_facts(self, told: Told, *, until: int) -> Written:
        """Append what was known by an instant of what people did."""
        decided = told.decided.known <= until
        waiting = told.decided.take(~decided & (told.decided.booking_known <= until)).as_booked()
        sessions = Sessions.concatenated([told.decided.take(decided), waiting])
        feedback = told.feedback.take(told.feedback.known <= until)
        events = told.events.take(told.events.known <= until)
        self._give_ids(sessions)
        self._store_coming(monthly.begun(self._told(sessions, feedback, events)))
        return Written(sessions=len(sessions), feedback=len(feedback), events=len(events))

    def add_tutors(self, joining: Tutors) -> int:
        """Append tutors, and remember what they are like."""
        ids = self._new_ids("tutors_tutor_id_seq", len(joining))
        self._tutors.put(joining.ordinal, ids)
        rows = zip(
            ids.tolist(),
            identifiers.external_ids(self.seed, Kind.TUTOR, joining.ordinal),
            names(joining.ordinal),
            map(taught_subjects, joining.subject.tolist(), joining.variant.tolist()),
            BASELINES[joining.baseline].tolist(),
            map(instants.as_datetime, joined_at(joining).tolist()),
            strict=True,
        )
        facts = [
            {
                "tutor_id": tutor_id,
                "organization_id": self.organization_id,
                "external_id": external_id,
                "name": name,
                "subjects": list(subjects),
                "baseline_sessions_per_week": baseline,
                "joined_at": joined,
                "ingested_at": joined,
            }
            for tutor_id, external_id, name, subjects, baseline, joined in rows
        ]
        copying.append_mappings(self.connection, "tutors", facts)
        truth.add_tutors(self.connection, self.organization_id, joining, ids)
        return len(facts)

    def add_students(self, new: Students) -> int:
        """Append students."""
        ids = self._new_ids("students_student_id_seq", len(new))
        self._students.put(new.student, ids)
        columns = {
            "student_id": copying.int4(ids),
            "organization_id": self._organization(len(new)),
            "external_id": self._names(Kind.STUDENT, new.student),
            "ingested_at": copying.timestamptz(new.known),
        }
        copying.append(self.connection, [Rows("students", columns)])
        return len(new)

    def add_sessions(self, sessions: Sessions) -> int:
        """Append sessions, decided or only booked."""
        self._give_ids(sessions)
        monthly.append(self.connection, [self._sessions_told(sessions)])
        return len(sessions)

    def add_feedback(self, feedback: Feedback) -> int:
        """Append what students said."""
        monthly.append(self.connection, [self._feedback_told(feedback)])
        return len(feedback)

    def add_events(self, events: Events) -> int:
        """Append what tutors did."""
        monthly.append(self.connection, [self._events_told(events)])
        return len(events)

    def recall_people(self, told: Told) -> Told:
        """Look up the tutors and students whom rows name, whenever they were added; leave out tutors since erased."""
        ordinals = [told.booked.tutor, told.decided.tutor, told.feedback.tutor, told.events.tutor]
        self._recall(self._tutors, tables.tutors.c.tutor_id, Kind.TUTOR, np.concatenate(ordinals))
        left = replace(
            told,
            booked=told.booked.take(self._tutors[told.booked.tutor] != ERASED),
            decided=told.decided.take(self._tutors[told.decided.tutor] != ERASED),
            feedback=told.feedback.take(self._tutors[told.feedback.tutor] != ERASED),
            events=told.events.take(self._tutors[told.events.tutor] != ERASED),
        )
        students = np.concatenate([left.booked.student, left.feedback.student])
        self._recall(self._students, tables.students.c.student_id, Kind.STUDENT, students)
        return left

    def recall_sessions(self, feedback: Feedback) -> None:
        """Look up the ids of the sessions that feedback is about, whenever they were added."""
        starts = [instants.as_datetime(at) for at in np.unique(feedback.session_start).tolist()]
        when = tables.sessions.c.scheduled_start.in_(starts)
        self._recall(self._sessions, tables.sessions.c.session_id, Kind.SESSION, feedback.session, when)

    def tutor_ids(self, ordinals: Integers) -> list[int]:
        """Return the ids of tutors that were added or recalled."""
        return [int(tutor_id) for tutor_id in self._tutors[ordinals]]

    def _store_coming(self, next_ones: Ahead[Piece] | None) -> None:
        coming, self._coming = self._coming, next_ones
        if coming is not None:
            with coming:
                copying.store(self.connection, coming)

    def _give_ids(self, sessions: Sessions) -> None:
        self._sessions.put(sessions.session, self._new_ids("sessions_session_id_seq", len(sessions)))

    def _told(self, sessions: Sessions, feedback: Feedback, events: Events) -> Iterator[Facts]:
        """Yield facts of each kind, made when their turn comes."""
        yield self._sessions_told(sessions)
        yield self._feedback_told(feedback)
        yield self._events_told(events)

    def _sessions_told(self, sessions: Sessions) -> Facts:
        known = np.where(sessions.status == Status.SCHEDULED, sessions.booking_known, sessions.known)
        tutor_ids = self._tutors[sessions.tutor]
        columns = {
            "session_id": copying.int8(self._sessions[sessions.session]),
            "organization_id": self._organization(len(sessions)),
            "external_id": self._names(Kind.SESSION, sessions.session),
            "tutor_id": copying.int4(tutor_ids),
            "student_id": copying.int4(self._students[sessions.student]),
            "session_number": copying.int4(sessions.number),
            "subject": copying.one_of(SUBJECT_NAMES, sessions.subject),
            "scheduled_start": copying.timestamptz(sessions.start),
            "duration_minutes": copying.int2(sessions.minutes),
            "booked_at": copying.timestamptz(sessions.booked),
            "cancelled_at": copying.timestamptz(sessions.cancelled),
            "status": copying.one_of(STATUS_NAMES, sessions.status),
            "actual_start": copying.timestamptz(sessions.actual_start),
            "ended_at": copying.timestamptz(sessions.ended),
            "outcome_known_at": copying.timestamptz(sessions.known),
            "late_start_minutes": copying.float4(sessions.late_minutes),
            "engagement_score": copying.float4(sessions.engagement),
            "objectives_met": copying.boolean(sessions.objectives),
            "technical_issues": copying.boolean(sessions.technical),
            "tutor_replaced": copying.boolean(sessions.replaced),
            "ingested_at": copying.timestamptz(known),
        }
        return Facts(Rows("sessions", columns), tutor_ids, sessions.start, np.isin(sessions.status, HELD))

    def _feedback_told(self, feedback: Feedback) -> Facts:
        tutor_ids = self._tutors[feedback.tutor]
        columns = {
            "organization_id": self._organization(len(feedback)),
            "external_id": self._names(Kind.FEEDBACK, feedback.session),
            "session_id": copying.int8(self._sessions[feedback.session]),
            "session_start": copying.timestamptz(feedback.session_start),
            "tutor_id": copying.int4(tutor_ids),
            "student_id": copying.int4(self._students[feedback.student]),
            "rating": copying.int2(feedback.rating),
            "is_first_session": copying.boolean(feedback.first),
            "submitted_at": copying.timestamptz(feedback.submitted),
            "ingested_at": copying.timestamptz(feedback.known),
        }
        everything = np.ones(len(feedback), np.bool_)
        return Facts(Rows("student_feedback", columns), tutor_ids, feedback.submitted, everything)

    def _events_told(self, events: Events) -> Facts:
        tutor_ids = self._tutors[events.tutor]
        columns = {
            "organization_id": self._organization(len(events)),
            "external_id": self._names(Kind.EVENT, events.event),
            "tutor_id": copying.int4(tutor_ids),
            "event_type": copying.one_of(EVENT_TYPES, events.kind),
            "event_time": copying.timestamptz(events.happened),
            "value": copying.float8(events.value),
            "by_tutor": copying.boolean(events.by_tutor),
            "ingested_at": copying.timestamptz(events.known),
        }
        return Facts(Rows("tutor_events", columns), tutor_ids, events.happened, np.isin(events.kind, COUNTED))

    def _recall(self, ids: Ids, column: Column[Any], kind: Kind, serials: Integers, *also: ColumnElement[bool]) -> None:
        wanted = np.unique(serials)
        names = identifiers.external_ids(self.seed, kind, wanted)
        table = column.table
        statement = select(table.c.external_id, column).where(
            table.c.organization_id == self.organization_id,
            table.c.external_id == any_(cast(names, ARRAY(Text))),
            *also,
        )
        found = {row[0]: row[1] for row in self.connection.execute(statement)} if names else {}
        if kind is Kind.TUTOR:
            found = dict.fromkeys(names, ERASED) | found
        ids.put(wanted, np.array([found[name] for name in names], np.int64))

    def _new_ids(self, sequence: str, count: int) -> Integers:
        if not count:
            return np.zeros(0, np.int64)
        drawn = self.connection.execute(NEW_IDS, {"sequence": sequence, "count": count}).scalar_one()
        return np.array(drawn, np.int64) if len(drawn) == count else np.arange(drawn[0], drawn[0] + count)

    def _organization(self, count: int) -> copying.Field:
        return copying.int4(np.full(count, self.organization_id))

    def _names(self, kind: Kind, serials: Integers) -> copying.Field:
        return copying.digits(identifiers.external_digits(self.seed, kind, serials))
