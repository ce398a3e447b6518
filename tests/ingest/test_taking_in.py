"""What becomes of good files: rows as the schema holds them, nothing twice, knowledge as it was gained."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.factories import add_organization
from tests.ingest.files import EVENT, FEEDBACK, FORMATS, IDS, NOW, ORGANIZATION, SESSION, TUTOR, VALID, Desk
from tutormax.ingest import Kind, OrganizationError, Terms, UnreadableFileError, ingest_files
from tutormax.ingest.csv_file import BLOCK_BYTES

TABLES = {
    Kind.TUTORS: "tutors",
    Kind.STUDENTS: "students",
    Kind.SESSIONS: "sessions",
    Kind.FEEDBACK: "student_feedback",
    Kind.EVENTS: "tutor_events",
}
LATER = NOW + timedelta(days=1)


def at(time: str) -> datetime:
    return datetime.fromisoformat(time).replace(tzinfo=UTC)


def take_in_all(desk: Desk, ending: str = "csv", **terms: Any) -> list[tuple[int, int, int]]:
    """Take one row of every kind in, the files in the wrong order; return inserted, updated and unchanged of each."""
    paths = [desk.write(f"{kind}.{ending}", [VALID[kind]]) for kind in reversed(Kind)]
    return [(report.inserted, report.updated, report.unchanged) for report in desk.take_in(*paths, **terms)]


def everything(desk: Desk) -> list[list[Any]]:
    """Return the organization's rows, but for the ids that the database gave."""
    hidden = {"organization_id", "tutor_id", "student_id", "session_id", "feedback_id", "event_id", "created_at"}
    rows = [[row._asdict() for row in desk.rows(table)] for table in TABLES.values()]
    return [[{k: v for k, v in row.items() if k not in hidden} for row in table] for table in rows]


def rescored(desk: Desk) -> set[str]:
    """Return the tutors for whom a new score was asked."""
    found = desk.connection.execute(
        text("select external_id from jobs join tutors on tutor_id = (args ->> 'tutor_id')::integer")
    )
    return set(found.scalars())


def test_files_come_in_whatever_their_order(desk: Desk) -> None:
    assert take_in_all(desk) == [(1, 0, 0), (1, 0, 0), (1, 0, 0), (1, 0, 0), (1, 0, 0)]


def test_taking_files_in_again_changes_nothing(desk: Desk) -> None:
    take_in_all(desk)
    before = everything(desk)

    assert take_in_all(desk, known_at="now", now=LATER) == [(0, 0, 1)] * 5
    assert everything(desk) == before


def test_every_format_gives_the_same_rows(desk: Desk) -> None:
    found = []
    for ending in FORMATS:
        with desk.connection.begin_nested() as savepoint:
            take_in_all(desk, ending)
            found.append(everything(desk))
            savepoint.rollback()

    assert found[1:] == found[:-1]
    assert [len(rows) for rows in found[0]] == [1, 1, 1, 1, 1]


def test_a_session_names_its_student(staffed: Desk) -> None:
    student = staffed.row("students")

    assert (student.external_id, student.ingested_at) == ("p1", at("2026-06-01T10:00:00"))
    assert staffed.row("sessions").student_id == student.student_id


def test_a_tutor_is_stored_as_the_file_says(desk: Desk) -> None:
    facts = {"name": "Amy\nSmith", "subjects": '["Math", "AP, Physics"]', "baseline_sessions_per_week": "44.5"}

    desk.take(Kind.TUTORS, TUTOR | facts)
    tutor = desk.row("tutors")

    assert (tutor.name, tutor.subjects) == ("Amy Smith", ["Math", "AP, Physics"])
    assert (tutor.baseline_sessions_per_week, tutor.joined_at) == (44.5, at("2026-01-05"))


@pytest.mark.parametrize("subjects", ["Math, French", "Math;French", "Math|French", '["Math","French"]'])
def test_subjects_are_a_list_however_they_are_written(desk: Desk, subjects: str) -> None:
    desk.take(Kind.TUTORS, TUTOR | {"subjects": subjects})

    assert desk.row("tutors").subjects == ["Math", "French"]


def test_a_completed_session_has_its_attendance(desk: Desk) -> None:
    desk.take(Kind.TUTORS, TUTOR)
    facts = {
        "status": "",
        "actual_start": "2026-06-01T10:07:30",
        "engagement_score": "0.75",
        "learning_objectives_met": "True",
        "technical_issues": "no",
    }

    desk.take(Kind.SESSIONS, SESSION | facts)
    session = desk.row("sessions")

    assert (session.status, session.late_start_minutes, session.ended_at) == (
        "completed",
        7.5,
        at("2026-06-01T11:07:30"),
    )
    assert (session.engagement_score, session.objectives_met, session.technical_issues) == (0.75, True, False)


def test_of_a_start_that_nobody_told_it_is_not_known_whether_it_was_late(staffed: Desk) -> None:
    staffed.take(Kind.SESSIONS, SESSION)

    assert (staffed.row("sessions").status, staffed.row("sessions").late_start_minutes) == ("completed", None)


@pytest.mark.parametrize(
    "facts", [{"status": "", "no_show": "True"}, {"status": "tutor_no_show"}, {"status": "no_show"}]
)
def test_a_no_show_has_no_attendance(desk: Desk, facts: dict[str, str]) -> None:
    desk.take(Kind.TUTORS, TUTOR)

    desk.take(Kind.SESSIONS, SESSION | {"engagement_score": "0.0", "actual_start": "2026-06-01T10:00:00"} | facts)
    session = desk.row("sessions")

    assert session.status == "tutor_no_show"
    assert (session.actual_start, session.ended_at, session.engagement_score, session.late_start_minutes) == (None,) * 4
    assert session.outcome_known_at == at("2026-06-01T11:00:00")


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({"status": ""}, "scheduled"),
        ({"status": "", "no_show": "False"}, "completed"),
        ({"status": "", "no_show": "False", "scheduled_start": "2026-06-15T11:30:00"}, "scheduled"),
        ({"status": "", "no_show": "False", "actual_start": ""}, "scheduled"),
        ({"status": "", "no_show": "", "ended_at": "2026-06-01T11:00:00"}, "completed"),
        ({"status": "", "cancelled_at": "2026-05-30T11:00:00"}, "cancelled"),
        ({"status": "Canceled"}, "cancelled"),
        ({"status": "student_no_show", "no_show": "True"}, "student_no_show"),
    ],
)
def test_a_session_without_a_status_shows_it_otherwise(desk: Desk, facts: dict[str, str], status: str) -> None:
    desk.take(Kind.TUTORS, TUTOR)

    desk.take(Kind.SESSIONS, SESSION | facts)

    assert desk.row("sessions").status == status


@pytest.mark.parametrize(("first", "number"), [("True", 1), ("False", 2)])
def test_a_session_without_a_number_is_the_first_or_a_later_one(desk: Desk, first: str, number: int) -> None:
    desk.take(Kind.TUTORS, TUTOR)

    desk.take(Kind.SESSIONS, SESSION | {"session_number": "", "is_first_session": first})

    assert desk.row("sessions").session_number == number


def test_feedback_belongs_to_its_sessions_tutor_and_student(staffed: Desk) -> None:
    staffed.take(Kind.FEEDBACK, FEEDBACK)
    feedback, session = staffed.row("student_feedback"), staffed.row("sessions")

    assert (feedback.session_id, feedback.session_start) == (session.session_id, session.scheduled_start)
    assert (feedback.tutor_id, feedback.student_id) == (session.tutor_id, session.student_id)
    assert (feedback.rating, feedback.is_first_session) == (5, False)


@pytest.mark.parametrize(
    ("event_type", "column", "value"),
    [
        ("message_response", "response_time_minutes", 2.5),
        ("reschedule", "notice_hours", 30),
        ("availability_change", "hours_per_week", 12),
        ("availability_change", "value", 12),
        ("login", "value", None),
    ],
)
def test_an_events_number_is_the_one_of_its_type(
    staffed: Desk, event_type: str, column: str, value: float | None
) -> None:
    facts = {"event_type": event_type, "by_tutor": "true", "response_time_minutes": "99", column: str(value or "")}

    staffed.take(Kind.EVENTS, EVENT | facts)
    event = staffed.row("tutor_events")

    assert (event.event_type, event.value, event.by_tutor) == (event_type, value, True)


def test_nanoseconds_are_cut_off(staffed: Desk) -> None:
    staffed.take(Kind.EVENTS, EVENT | {"event_time": "2026-06-02 08:00:00.123456789"})

    assert staffed.row("tutor_events").event_time == at("2026-06-02T08:00:00.123456")


@pytest.mark.parametrize(
    ("told", "zone", "instant"),
    [
        ("2026-06-02T08:00:00", "America/New_York", "2026-06-02T12:00:00"),
        ("2026-01-02T08:00:00", "America/New_York", "2026-01-02T13:00:00"),
        ("2026-06-02T08:00:00+02:00", "America/New_York", "2026-06-02T06:00:00"),
        ("2026-06-02 08:00:00Z", None, "2026-06-02T08:00:00"),
        ("2026-11-01T01:30:00", "America/New_York", "2026-11-01T05:30:00"),
    ],
)
def test_a_time_is_read_in_its_own_zone_or_the_files(staffed: Desk, told: str, zone: str | None, instant: str) -> None:
    staffed.take(Kind.EVENTS, EVENT | {"event_time": told}, zone=zone)

    assert staffed.row("tutor_events").event_time == at(instant)


def test_new_rows_come_in_beside_those_that_are_known(desk: Desk) -> None:
    take_in_all(desk)
    others = [VALID[kind] | {IDS[kind]: "another"} for kind in Kind]

    reports = [desk.take(kind, VALID[kind], other) for kind, other in zip(Kind, others, strict=True)]

    assert [(report.inserted, report.updated, report.unchanged) for report in reports] == [(1, 0, 1)] * 5


def test_a_file_of_many_parts_comes_in_whole(staffed: Desk) -> None:
    count = 3 * BLOCK_BYTES // 500
    starts = [at("2026-01-01T00:00:00") + timedelta(minutes=10 * number) for number in range(count)]
    rows = [
        SESSION | {"session_id": f"many {number}", "scheduled_start": str(start), "subject": "x" * 490}
        for number, start in enumerate(starts)
    ]

    report = staffed.take(Kind.SESSIONS, *rows)

    assert (report.read, report.inserted, report.refused) == (count, count, 0)
    assert [row.scheduled_start for row in staffed.rows("sessions") if row.external_id == f"many {count - 1}"] == [
        starts[-1]
    ]


def test_a_file_without_rows_is_taken_in(desk: Desk) -> None:
    (report,) = desk.take_in(desk.write("tutors.csv", b"tutor_id,joined_at\n"))

    assert (report.taken_in, report.read) == (True, 0)


# Knowledge


def test_history_was_known_when_it_happened(desk: Desk) -> None:
    take_in_all(desk, known_at="event")
    session = desk.row("sessions")

    assert desk.row("tutors").ingested_at == at("2026-01-05")
    assert (session.booked_at, session.outcome_known_at) == (at("2026-06-01T10:00:00"), at("2026-06-01T11:00:00"))
    assert session.ingested_at == at("2026-06-01T11:00:00")
    assert desk.row("student_feedback").ingested_at == at("2026-06-01T12:00:00")
    assert desk.row("tutor_events").ingested_at == at("2026-06-02T08:00:00")


def test_a_live_feed_is_known_from_now_on(desk: Desk) -> None:
    take_in_all(desk, known_at="now")
    session = desk.row("sessions")

    assert {session.booked_at, session.outcome_known_at, session.ingested_at} == {NOW}
    assert {desk.row(table).ingested_at for table in TABLES.values()} == {NOW}


def test_nothing_is_known_before_it_happened(staffed: Desk) -> None:
    tomorrow = {"session_id": "s2", "scheduled_start": "2026-06-16T10:00:00", "duration_minutes": "45"}

    staffed.take(Kind.SESSIONS, SESSION | tomorrow, known_at="now")

    assert staffed.rows("sessions")[1].outcome_known_at == at("2026-06-16T10:45:00")


def test_a_column_may_tell_when_rows_became_known(staffed: Desk) -> None:
    told = {"updated_at": "2026-06-03T00:00:00", "known_at": "2026-06-04T00:00:00"}

    staffed.take(Kind.EVENTS, EVENT | told, known_at="updated_at")

    assert staffed.row("tutor_events").ingested_at == at("2026-06-03T00:00:00")


def test_the_column_that_tells_must_be_there(staffed: Desk) -> None:
    report = staffed.take(Kind.EVENTS, EVENT, known_at="updated_at")

    assert report.refused_because is not None
    assert "needs the columns updated_at" in report.refused_because


def test_a_booking_is_known_when_the_file_says(staffed: Desk) -> None:
    booked = {"session_id": "s2", "booked_at": "2026-05-20T09:00:00"}

    staffed.take(Kind.SESSIONS, SESSION | booked)

    assert staffed.rows("sessions")[1].booked_at == at("2026-05-20T09:00:00")


def test_a_cancellation_is_known_when_it_was_made(staffed: Desk) -> None:
    cancelled = {"session_id": "s2", "status": "cancelled", "cancelled_at": "2026-05-30T09:00:00"}

    staffed.take(Kind.SESSIONS, SESSION | cancelled)
    session = staffed.rows("sessions")[1]

    assert (session.cancelled_at, session.outcome_known_at) == (at("2026-05-30T09:00:00"),) * 2


def test_an_outcome_that_arrives_later_is_known_from_then_on(staffed: Desk) -> None:
    booked = SESSION | {"session_id": "s2", "status": "scheduled", "scheduled_start": "2026-06-15T15:00:00"}
    staffed.take(Kind.SESSIONS, booked, known_at="now")

    report = staffed.take(Kind.SESSIONS, booked | {"status": "completed"}, known_at="now", now=LATER)
    session = staffed.rows("sessions")[1]

    assert (report.updated, session.status) == (1, "completed")
    assert (session.booked_at, session.outcome_known_at, session.ingested_at) == (NOW, LATER, LATER)


def test_a_correction_of_the_plan_leaves_the_outcomes_knowledge(staffed: Desk) -> None:
    staffed.take(Kind.SESSIONS, SESSION | {"subject": "Algebra"}, known_at="now", now=LATER)
    session = staffed.row("sessions")

    assert session.subject == "Algebra"
    assert (session.outcome_known_at, session.ingested_at) == (at("2026-06-01T11:00:00"), LATER)


def test_a_rating_that_changes_is_known_anew(staffed: Desk) -> None:
    staffed.take(Kind.FEEDBACK, FEEDBACK)

    report = staffed.take(Kind.FEEDBACK, FEEDBACK | {"rating": "3"}, known_at="now", now=LATER)
    feedback = staffed.row("student_feedback")

    assert (report.updated, feedback.rating, feedback.ingested_at) == (1, 3, LATER)


def test_a_tutor_who_changes_is_known_as_long_as_before(staffed: Desk) -> None:
    report = staffed.take(Kind.TUTORS, TUTOR | {"name": "New Name"}, known_at="now", now=LATER)
    tutor = staffed.row("tutors")

    assert (report.updated, tutor.name, tutor.ingested_at) == (1, "New Name", at("2026-01-05"))


# Changes


def test_a_session_moves_to_another_month_with_its_feedback(staffed: Desk) -> None:
    staffed.take(Kind.FEEDBACK, FEEDBACK)
    before = staffed.row("sessions")

    staffed.take(Kind.SESSIONS, SESSION | {"scheduled_start": "2026-05-20T10:00:00"}, known_at="now", now=LATER)
    session, feedback = staffed.row("sessions"), staffed.row("student_feedback")
    partition = staffed.connection.execute(text("select tableoid::regclass::text from sessions")).scalar_one()

    assert (partition, session.session_id) == ("sessions_2026_05", before.session_id)
    assert (feedback.session_start, feedback.session_id) == (session.scheduled_start, session.session_id)
    assert session.booked_at == LATER


def test_feedback_follows_its_session_to_another_tutor(staffed: Desk) -> None:
    staffed.take(Kind.FEEDBACK, FEEDBACK)

    staffed.take(Kind.TUTORS, TUTOR | {"tutor_id": "t2"})
    staffed.take(Kind.SESSIONS, SESSION | {"tutor_id": "t2"})

    assert staffed.row("student_feedback").tutor_id == staffed.rows("tutors")[1].tutor_id


def test_partitions_are_made_for_the_files_months_only(staffed: Desk) -> None:
    for month in ("2003-02", "2005-09"):
        event = EVENT | {"event_id": month, "event_time": f"{month}-10T08:00:00"}
        staffed.take(Kind.EVENTS, event)

    made = staffed.connection.execute(
        text("select relname from pg_class where relname like 'tutor_events\\_200_\\___' order by relname")
    )

    assert list(made.scalars()) == ["tutor_events_2003_02", "tutor_events_2005_09"]


def test_a_column_that_a_file_lacks_leaves_what_is_known(staffed: Desk) -> None:
    facts = {"subject": "Math", "engagement_score": "0.5", "tutor_replaced": "true"}
    staffed.take(Kind.TUTORS, TUTOR | {"name": "Amy", "subjects": "Math"})
    staffed.take(Kind.SESSIONS, SESSION | facts)

    reports = [staffed.take(Kind.TUTORS, TUTOR), staffed.take(Kind.SESSIONS, SESSION)]
    tutor, session = staffed.row("tutors"), staffed.row("sessions")

    assert [report.unchanged for report in reports] == [1, 1]
    assert (tutor.name, tutor.subjects) == ("Amy", ["Math"])
    assert (session.subject, session.engagement_score, session.tutor_replaced) == ("Math", 0.5, True)


@pytest.mark.parametrize(
    "number",
    [
        {"event_type": "message_response", "response_minutes": "12.5"},
        {"event_type": "availability_change", "availability_hours": "20"},
        {"event_type": "training_completed", "value": "3"},
        {"event_type": "reschedule", "notice_hours": "5", "by_tutor": "true"},
    ],
)
def test_a_column_that_a_file_of_events_lacks_leaves_what_is_known(staffed: Desk, number: dict[str, str]) -> None:
    staffed.take(Kind.EVENTS, EVENT | number)
    before = staffed.row("tutor_events")

    kept = {name: value for name, value in number.items() if name in ("event_type", "by_tutor")}
    report = staffed.take(Kind.EVENTS, EVENT | kept)
    after = staffed.row("tutor_events")

    assert report.unchanged == 1
    assert before.value is not None
    assert (after.value, after.by_tutor) == (before.value, before.by_tutor)


def test_what_was_known_of_an_event_says_nothing_of_another_kind(staffed: Desk) -> None:
    staffed.take(Kind.EVENTS, EVENT | {"event_type": "message_response", "response_minutes": "12.5"})

    staffed.take(Kind.EVENTS, EVENT | {"event_type": "login"})

    assert (staffed.row("tutor_events").event_type, staffed.row("tutor_events").value) == ("login", None)


def test_an_empty_value_takes_away_what_was_known(staffed: Desk) -> None:
    staffed.take(Kind.SESSIONS, SESSION | {"subject": "Math"})

    staffed.take(Kind.SESSIONS, SESSION | {"subject": ""})

    assert staffed.row("sessions").subject is None


def test_a_file_of_bookings_leaves_outcomes_alone(staffed: Desk) -> None:
    started = {"status": "", "actual_start": "2026-06-01T10:03:00"}
    staffed.take(Kind.SESSIONS, SESSION | started)
    booking = {name: value for name, value in SESSION.items() if name != "status"}

    report = staffed.take(Kind.SESSIONS, booking)

    assert report.unchanged == 1
    assert staffed.row("sessions").late_start_minutes == 3


# Reschedules


def test_a_rescheduled_session_is_an_event_of_its_tutor(staffed: Desk) -> None:
    report = staffed.take(Kind.SESSIONS, SESSION | {"tutor_initiated_reschedule": "True"})
    event = staffed.row("tutor_events")

    assert (report.unchanged, report.derived) == (1, 1)
    assert (event.external_id, event.event_type, event.by_tutor) == ("tutormax:reschedule:s1", "reschedule", True)
    assert (event.event_time, event.ingested_at) == (at("2026-06-01T10:00:00"),) * 2
    assert event.tutor_id == staffed.row("tutors").tutor_id


def test_a_reschedule_is_derived_once_and_moves_with_its_session(staffed: Desk) -> None:
    flagged = SESSION | {"tutor_initiated_reschedule": "True"}
    staffed.take(Kind.SESSIONS, flagged)

    again = staffed.take(Kind.SESSIONS, flagged)
    staffed.take(Kind.SESSIONS, flagged | {"scheduled_start": "2026-05-20T10:00:00"})

    assert again.derived == 0
    assert staffed.row("tutor_events").event_time == at("2026-05-20T10:00:00")


@pytest.mark.parametrize(("flag", "left"), [({"tutor_initiated_reschedule": "False"}, 0), ({}, 1)])
def test_a_reschedule_is_taken_back_when_the_file_says_so(staffed: Desk, flag: dict[str, str], left: int) -> None:
    staffed.take(Kind.SESSIONS, SESSION | {"tutor_initiated_reschedule": "True"})

    staffed.take(Kind.SESSIONS, SESSION | flag)

    assert len(staffed.rows("tutor_events")) == left


# New scores


@pytest.mark.parametrize(
    ("kind", "facts", "asked"),
    [
        (Kind.SESSIONS, {"session_id": "s2"}, True),
        (Kind.SESSIONS, {"session_id": "s2", "status": "scheduled"}, False),
        (Kind.SESSIONS, {"status": "tutor_no_show"}, True),
        (Kind.SESSIONS, {"tutor_initiated_reschedule": "1"}, True),
        (Kind.SESSIONS, {}, False),
        (Kind.FEEDBACK, {"rating": "2"}, True),
        (Kind.FEEDBACK, {"rating": "3"}, False),
        (Kind.EVENTS, {"event_type": "reschedule", "by_tutor": "1"}, True),
        (Kind.EVENTS, {"event_type": "availability_change", "value": "9"}, True),
        (Kind.EVENTS, {"event_type": "availability_change", "value": "10"}, False),
        (Kind.EVENTS, {}, False),
    ],
)
def test_what_changes_a_tutors_picture_asks_for_a_new_score(
    staffed: Desk, kind: Kind, facts: dict[str, str], asked: bool
) -> None:
    offer = {"event_id": "e0", "event_type": "availability_change", "value": "10", "event_time": "2026-06-01T08:00:00"}
    staffed.take(Kind.EVENTS, EVENT | offer)
    staffed.connection.execute(text("delete from jobs"))

    staffed.take(kind, VALID[kind] | facts)

    assert rescored(staffed) == ({"t1"} if asked else set())


def test_a_refused_file_asks_for_nothing(staffed: Desk) -> None:
    staffed.connection.execute(text("delete from jobs"))

    staffed.take(Kind.FEEDBACK, FEEDBACK | {"rating": "1"}, FEEDBACK | {"rating": "9"})

    assert rescored(staffed) == set()


# Organizations


def test_a_new_organization_is_a_customer(desk: Desk) -> None:
    desk.take(Kind.TUTORS, TUTOR)

    statement = text("select synthetic from organizations where name = :name")
    assert desk.connection.execute(statement, {"name": ORGANIZATION}).scalar_one() is False


def test_a_refused_file_makes_no_organization(desk: Desk) -> None:
    desk.take(Kind.TUTORS, TUTOR | {"joined_at": "?"})

    names = desk.connection.execute(text("select name from organizations"))
    assert ORGANIZATION not in set(names.scalars())


def test_a_synthetic_organization_takes_no_files(desk: Desk) -> None:
    add_organization(desk.connection, name=ORGANIZATION, synthetic=True)

    with pytest.raises(OrganizationError, match="is a synthetic organization"):
        desk.take(Kind.TUTORS, TUTOR)


@pytest.mark.parametrize("name", ["", " Acme", "Acme\0", "x" * 201])
def test_an_organization_needs_a_name_that_can_be_read(desk: Desk, name: str) -> None:
    with pytest.raises(OrganizationError, match="is no name for an organization"):
        ingest_files(desk.begin, [], Terms(name, NOW))


def test_organizations_do_not_see_each_others_rows(desk: Desk) -> None:
    take_in_all(desk)
    sessions = desk.write("sessions.csv", [SESSION])

    (report,) = ingest_files(desk.begin, [sessions], Terms("Another", NOW, max_refused_share=1.0, zone=None))
    assert report.refused_because is not None
    (report,) = desk.take_in(sessions)
    assert report.unchanged == 1


# Kinds


@pytest.mark.parametrize("kind", list(Kind))
def test_a_kind_is_told_by_its_columns(staffed: Desk, kind: Kind) -> None:
    (report,) = staffed.take_in(staffed.write("export.csv", [VALID[kind]]))

    assert report.kind is kind


def test_a_kind_may_be_told(desk: Desk) -> None:
    (report,) = desk.take_in(desk.write("people.csv", [TUTOR | {"student_id": "p1"}]), kind=Kind.STUDENTS)

    assert (report.kind, report.inserted) == (Kind.STUDENTS, 1)


def test_a_file_that_tells_nothing_stops_everything(desk: Desk) -> None:
    paths = [desk.write("tutors.csv", [TUTOR]), desk.write("export.csv", [{"a": "1"}])]

    with pytest.raises(UnreadableFileError, match="say it with --as"):
        desk.take_in(*paths)
    assert desk.rows("tutors") == []


def test_columns_that_are_not_used_are_named(desk: Desk) -> None:
    report = desk.take(Kind.TUTORS, TUTOR | {"e-mail": "a@example.net", "Age": "30"})

    assert report.ignored_columns == ("e-mail", "Age")


def keep_training_features(desk: Desk, *days: str) -> None:
    """Let training have computed everybody's features as of some midnights."""
    desk.connection.execute(
        text(
            "insert into feature_snapshots (tutor_id, as_of, feature_version, features, purpose)"
            " select tutor_id, as_of, 'a', array_fill(0::real, array[58]), 'training' from tutors,"
            " unnest(cast(:days as timestamptz[])) as as_of"
        ),
        {"days": list(days)},
    )


def kept_training_features(desk: Desk) -> list[str]:
    kept = desk.connection.execute(text("select to_char(as_of, 'YYYY-MM-DD') from feature_snapshots order by as_of"))
    return list(kept.scalars())


@pytest.mark.parametrize(("known_at", "left"), [("event", ["2026-05-01"]), ("now", ["2026-05-01", "2026-06-08"])])
def test_history_drops_what_training_had_computed_without_it(staffed: Desk, known_at: str, left: list[str]) -> None:
    keep_training_features(staffed, "2026-05-01", "2026-06-08")

    staffed.take(Kind.SESSIONS, SESSION | {"session_id": "s2"}, known_at=known_at)

    assert kept_training_features(staffed) == left


def test_a_booking_that_had_been_known_drops_what_training_computed_in_the_week_before_it(staffed: Desk) -> None:
    keep_training_features(staffed, "2026-05-25", "2026-05-26", "2026-05-31")

    booked = {"session_id": "s2", "scheduled_start": "2026-06-01T10:00:00", "booked_at": "2026-05-01T10:00:00"}
    staffed.take(Kind.SESSIONS, SESSION | booked, known_at="event")

    assert kept_training_features(staffed) == ["2026-05-25"]


@pytest.mark.parametrize(
    ("kind", "time", "row"),
    [
        (Kind.SESSIONS, "scheduled_start", SESSION),
        (Kind.FEEDBACK, "submitted_at", FEEDBACK),
        (Kind.EVENTS, "event_time", EVENT),
    ],
)
def test_a_fact_that_had_been_later_drops_what_training_computed_since_it_was_told(
    staffed: Desk, kind: Kind, time: str, row: dict[str, str]
) -> None:
    staffed.take(kind, row | {time: "2026-03-10T10:00:00"})
    keep_training_features(staffed, "2026-03-01", "2026-03-20", "2026-06-08")

    staffed.take(kind, row)

    assert kept_training_features(staffed) == ["2026-03-01"]


def test_reschedules_told_later_drop_what_training_had_computed_without_them(staffed: Desk) -> None:
    keep_training_features(staffed, "2026-05-25", "2026-06-08")

    report = staffed.take(Kind.SESSIONS, SESSION | {"tutor_rescheduled": "true"})

    assert (report.updated, report.derived) == (0, 1)
    assert kept_training_features(staffed) == ["2026-05-25"]


def test_reschedules_taken_back_drop_what_training_had_computed_with_them(staffed: Desk) -> None:
    staffed.take(Kind.SESSIONS, SESSION | {"tutor_rescheduled": "true"})
    keep_training_features(staffed, "2026-05-25", "2026-06-08")

    report = staffed.take(Kind.SESSIONS, SESSION | {"tutor_rescheduled": "false"})

    assert report.updated == 0
    assert kept_training_features(staffed) == ["2026-05-25"]


def test_what_had_been_known_all_along_drops_nothing_when_it_is_told_again(staffed: Desk) -> None:
    keep_training_features(staffed, "2026-06-08")

    booked = {"session_id": "s2", "scheduled_start": "2026-06-20T10:00:00", "status": "scheduled"}
    staffed.take(Kind.SESSIONS, SESSION, SESSION | booked)

    assert kept_training_features(staffed) == ["2026-06-08"]


@pytest.mark.parametrize(
    ("correction", "left"),
    [
        ({"joined_at": "2025-01-05"}, 1),
        ({"baseline_sessions_per_week": "8"}, 1),
        ({"subjects": "math"}, 1),
        ({"name": "Ada"}, 2),
    ],
)
def test_a_tutor_told_anew_drops_what_training_had_computed_of_that_tutor(
    staffed: Desk, correction: dict[str, str], left: int
) -> None:
    staffed.take(Kind.TUTORS, TUTOR | {"tutor_id": "t2"})
    keep_training_features(staffed, "2026-05-01")

    staffed.take(Kind.TUTORS, TUTOR | correction, TUTOR | {"tutor_id": "t2"}, known_at="now")

    assert len(kept_training_features(staffed)) == left
