"""Every wrong row is refused by itself, with its line, column, value and reason; the good rows around it are kept."""

from typing import Any

import pytest

from tests.ingest.files import EVENT, FEEDBACK, IDS, SESSION, TUTOR, VALID, Desk, Row
from tutormax.ingest import FileReport, Kind, Refusal
from tutormax.ingest.batch import shown

TIME_REASON = "is not a time like 2026-01-31T18:30:00 or 2026-01-31T18:30:00Z"
DATE_REASON = "is not a time like 2026-01-31 or 2026-01-31T18:30:00"
RANGE_REASON = "is not between 2000 and 2028-06-15"

WRONG = [
    # missing and empty
    (Kind.TUTORS, "tutor_id", "", "is missing"),
    (Kind.STUDENTS, "student_id", "  ", "is missing"),
    (Kind.SESSIONS, "student_id", "", "is missing"),
    (Kind.SESSIONS, "duration_minutes", "", "is missing"),
    (Kind.SESSIONS, "session_number", "", "is missing, and is_first_session too"),
    (Kind.FEEDBACK, "rating", "", "is missing"),
    (Kind.EVENTS, "event_time", "", "is missing"),
    # unknown
    (Kind.SESSIONS, "tutor_id", "t9", "is no tutor that is known"),
    (Kind.EVENTS, "tutor_id", "t9", "is no tutor that is known"),
    (Kind.FEEDBACK, "session_id", "s9", "is no session that is known"),
    (Kind.FEEDBACK, "tutor_id", "t2", "is not the tutor of the session, t1"),
    (Kind.FEEDBACK, "student_id", "p2", "is not the student of the session, p1"),
    # numbers
    (Kind.FEEDBACK, "rating", "0", "is not from 1 to 5"),
    (Kind.FEEDBACK, "rating", "6", "is not from 1 to 5"),
    (Kind.FEEDBACK, "rating", "4.5", "is not a whole number from 1 to 5"),
    (Kind.FEEDBACK, "rating", "five", "is not a whole number from 1 to 5"),
    (Kind.FEEDBACK, "rating", "True", "is not a whole number from 1 to 5"),
    (Kind.FEEDBACK, "rating", "99999999999999999999", "is not from 1 to 5"),
    (Kind.SESSIONS, "duration_minutes", "-1", "is not from 0 to 1440"),
    (Kind.SESSIONS, "duration_minutes", "1441", "is not from 0 to 1440"),
    (Kind.SESSIONS, "session_number", "0", "is not from 1 to 100000"),
    (Kind.SESSIONS, "engagement_score", "1.01", "is not from 0 to 1"),
    (Kind.SESSIONS, "engagement_score", "nan", "is not a finite number"),
    (Kind.SESSIONS, "engagement_score", "0,8", "is not a number"),
    (Kind.SESSIONS, "late_start_minutes", "-5", "is not from 0 to 1440"),
    (Kind.EVENTS, "value", "-Infinity", "is not a finite number"),
    (Kind.EVENTS, "value", "1e999", "is not from 0 to 1e+06"),
    (Kind.TUTORS, "baseline_sessions_per_week", "many", "is not a number"),
    # times
    (Kind.SESSIONS, "scheduled_start", "yesterday", TIME_REASON),
    (Kind.SESSIONS, "scheduled_start", "2026-06-01", TIME_REASON),
    (Kind.SESSIONS, "scheduled_start", "01.06.2026 10:00", TIME_REASON),
    (Kind.SESSIONS, "scheduled_start", "1780308000", TIME_REASON),
    (Kind.SESSIONS, "scheduled_start", "2026-02-30T10:00:00", TIME_REASON),
    (Kind.SESSIONS, "scheduled_start", "2026-06-01T25:00:00Z", TIME_REASON),
    (Kind.SESSIONS, "scheduled_start", "1999-12-31T23:59:59", RANGE_REASON),
    (Kind.SESSIONS, "scheduled_start", "2028-06-16T10:00:00", RANGE_REASON),
    (Kind.SESSIONS, "scheduled_start", "9999-01-01T00:00:00", RANGE_REASON),
    (Kind.TUTORS, "joined_at", "2026-13-01", DATE_REASON),
    (Kind.TUTORS, "joined_at", "0001-01-01", RANGE_REASON),
    # words
    (Kind.SESSIONS, "status", "fine", "is not one of scheduled, completed, tutor_no_show, no_show, student_no_show"),
    (Kind.SESSIONS, "no_show", "maybe", "is not one of true, 1, yes, y, t, 1.0, false, 0, no, n, f, 0.0"),
    (Kind.EVENTS, "event_type", "logged", "is not one of login, reschedule, message_response, availability_change"),
    (Kind.TUTORS, "subjects", "[1, 2]", "is not a list of at most 100 texts of at most 200 characters"),
    (Kind.TUTORS, "subjects", '["Math"', "is not a list of at most 100 texts of at most 200 characters"),
    (Kind.TUTORS, "subjects", "{Math}", "is not a list of at most 100 texts of at most 200 characters"),
    # texts
    (Kind.TUTORS, "name", "x" * 501, "is longer than 500 characters"),
    (Kind.TUTORS, "tutor_id", "x" * 201, "is longer than 200 characters"),
    (Kind.TUTORS, "tutor_id", "t\t2", "holds control characters"),
    (Kind.EVENTS, "event_id", "tutormax:e2", "begins with tutormax:, which is reserved"),
]


def refused(report: FileReport) -> Refusal:
    (only,) = report.refusals
    return only


def beside_a_good_row(kind: Kind, **changes: str) -> list[Row]:
    """Return a good row and, on line 3, one with other values."""
    good = VALID[kind]
    return [good, good | {IDS[kind]: "other"} | changes]


@pytest.mark.parametrize(("kind", "column", "value", "reason"), WRONG)
def test_a_wrong_value_refuses_its_row(staffed: Desk, kind: Kind, column: str, value: str, reason: str) -> None:
    report = staffed.take(kind, *beside_a_good_row(kind, **{column: value}), most_refused=0.5)

    refusal = refused(report)

    assert (refusal.line, refusal.column) == (3, column)
    assert refusal.reason.startswith(reason)
    assert refusal.value == shown(value.strip())
    assert (report.read, report.refused, report.taken_in) == (2, 1, True)
    assert report.inserted + report.unchanged == 1


def test_the_value_shown_is_the_one_in_the_file(staffed: Desk) -> None:
    report = staffed.take(Kind.FEEDBACK, *beside_a_good_row(Kind.FEEDBACK, rating=" 7 "), most_refused=0.5)

    assert refused(report) == Refusal(3, "rating", "7", "is not from 1 to 5")


def test_the_column_named_is_the_one_of_the_file(staffed: Desk) -> None:
    rows = [{"feedback_id": "f1", "session_id": "s1", "overall_rating": "9", "submitted_at": "2026-06-02T10:00:00"}]

    report = staffed.take(Kind.FEEDBACK, *rows, most_refused=1.0)

    assert refused(report).column == "overall_rating"


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("changes", [{}, {"name": "different"}])
def test_of_rows_with_one_id_the_first_is_kept(staffed: Desk, kind: Kind, changes: dict[str, str]) -> None:
    row = VALID[kind]

    report = staffed.take(kind, row, row | changes, most_refused=0.5)

    assert refused(report) == Refusal(3, IDS[kind], row[IDS[kind]], "is the id of line 2 too")
    assert report.inserted + report.unchanged == 1


def test_an_id_is_free_again_when_its_first_row_is_wrong(staffed: Desk) -> None:
    report = staffed.take(Kind.FEEDBACK, FEEDBACK | {"rating": "0"}, FEEDBACK, most_refused=0.5)

    assert refused(report).line == 2
    assert staffed.row("student_feedback").rating == 5


@pytest.mark.parametrize(
    ("changes", "column", "reason"),
    [
        ({"is_first_session": "True"}, "is_first_session", "contradicts session_number 2"),
        ({"no_show": "True"}, "no_show", "contradicts status completed"),
        ({"no_show": "False", "status": "tutor_no_show"}, "no_show", "contradicts status tutor_no_show"),
        ({"cancelled_at": "2026-05-01T10:00:00"}, "cancelled_at", "contradicts status completed"),
        (
            {"actual_start": "2026-06-01T10:05:00", "ended_at": "2026-06-01T10:00:00"},
            "ended_at",
            "is before actual_start",
        ),
        ({"actual_start": "2027-06-01T10:00:00"}, "actual_start", "is more than a day from scheduled_start"),
        ({"actual_start": "2026-05-31T09:00:00"}, "actual_start", "is more than a day from scheduled_start"),
        ({"ended_at": "2026-06-03T10:01:00"}, "ended_at", "is a day before scheduled_start, or two days after it"),
        ({"ended_at": "2025-06-01T11:00:00"}, "ended_at", "is a day before scheduled_start, or two days after it"),
    ],
)
def test_columns_that_contradict_each_other_refuse_their_row(
    staffed: Desk, changes: dict[str, str], column: str, reason: str
) -> None:
    report = staffed.take(Kind.SESSIONS, SESSION | changes, most_refused=1.0)

    assert (refused(report).column, refused(report).reason) == (column, reason)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_two_columns_that_mean_the_same_refuse_the_file(staffed: Desk, ending: str) -> None:
    row = TUTOR | {"tutor_id": "t2", "Tutor ID": "t3"}

    (report,) = staffed.take_in(staffed.write(f"tutors.{ending}", [row]), most_refused=1.0)

    assert report.refused_because is not None
    assert "its columns tutor_id and Tutor ID both mean tutor_id: rename or remove" in report.refused_because
    assert [tutor.external_id for tutor in staffed.rows("tutors")] == ["t1"]


def test_objects_that_call_one_column_differently_refuse_the_file(staffed: Desk) -> None:
    rows = [TUTOR | {"name": "A"}, TUTOR | {"tutor_id": "t2", "Name": "B"}]

    (report,) = staffed.take_in(staffed.write("tutors.jsonl", rows), most_refused=1.0)

    assert report.refused_because is not None
    assert "its columns name and Name both mean name" in report.refused_because


def test_two_columns_that_say_when_rows_became_known_refuse_the_file(staffed: Desk) -> None:
    told = {"updated_at": "2026-06-03T00:00:00", "Updated-At": "2026-06-04T00:00:00"}

    report = staffed.take(Kind.EVENTS, EVENT | told, known_at="updated_at")

    assert report.refused_because is not None
    assert "its columns updated_at and Updated-At both mean known_at" in report.refused_because


def test_columns_that_nobody_reads_may_be_called_alike(staffed: Desk) -> None:
    report = staffed.take(Kind.TUTORS, TUTOR | {"tutor_id": "t2", "remark": "a", "Remark": "b"})

    assert (report.refused_because, report.inserted) == (None, 1)


@pytest.mark.parametrize("status", ["completed", "tutor_no_show", "student_no_show"])
def test_a_session_of_days_to_come_is_not_over(staffed: Desk, status: str) -> None:
    to_come = {"session_id": "s2", "scheduled_start": "2026-06-16T12:01:00", "status": status}

    report = staffed.take(Kind.SESSIONS, SESSION | to_come, most_refused=1.0)

    assert refused(report).column == "scheduled_start"
    assert refused(report).reason == "is more than a day ahead, of a session said to be over"


@pytest.mark.parametrize("told", [{"no_show": "True"}, {"actual_start": "2026-07-01T10:00:00"}])
def test_a_session_of_days_to_come_is_not_over_without_a_status_either(staffed: Desk, told: dict[str, str]) -> None:
    to_come = {"session_id": "s2", "scheduled_start": "2026-07-01T10:00:00", "status": ""}

    report = staffed.take(Kind.SESSIONS, SESSION | to_come | told, most_refused=1.0)

    assert refused(report).column == "scheduled_start"


@pytest.mark.parametrize("told", [{"status": "scheduled"}, {"status": "cancelled"}, {"status": "", "no_show": "False"}])
def test_a_session_of_days_to_come_may_be_booked_or_cancelled(staffed: Desk, told: dict[str, str]) -> None:
    to_come = {"session_id": "s2", "scheduled_start": "2026-07-01T10:00:00"}

    report = staffed.take(Kind.SESSIONS, SESSION | to_come | told)

    assert (report.refused, report.inserted) == (0, 1)


def test_nothing_became_known_on_days_to_come(staffed: Desk) -> None:
    told = [
        EVENT | {"updated_at": "2026-06-15T20:00:00"},
        EVENT | {"event_id": "e2", "updated_at": "2027-06-03T00:00:00"},
    ]

    report = staffed.take(Kind.EVENTS, *told, known_at="updated_at", most_refused=0.5)

    assert refused(report) == Refusal(3, "updated_at", "2027-06-03T00:00:00", "is not between 2000 and 2026-06-16")


@pytest.mark.parametrize(
    "times",
    [
        {"actual_start": "2026-05-31T10:00:00"},
        {"actual_start": "2026-06-02T10:00:00", "ended_at": "2026-06-03T10:00:00"},
        {"ended_at": "2026-05-31T10:00:00"},
    ],
)
def test_a_session_may_begin_and_end_a_day_off_the_plan(staffed: Desk, times: dict[str, str]) -> None:
    report = staffed.take(Kind.SESSIONS, SESSION | times)

    assert (report.refused, report.updated) == (0, 1)


def test_a_reschedule_must_say_whose_it_is(staffed: Desk) -> None:
    report = staffed.take(Kind.EVENTS, EVENT | {"event_type": "reschedule"}, most_refused=1.0)

    assert refused(report) == Refusal(2, "by_tutor", "", "is missing: a reschedule is the tutor's or the student's")


@pytest.mark.parametrize(
    ("line", "column", "value", "reason"),
    [
        (b"t\x002,2026-01-05,B", "tutor_id", "t\\x002", "holds a NUL byte"),
        (b"t2,2026-01-05,\xff\xfeB", "name", "\\xff\\xfeB", "is not UTF-8"),
        (b"t2,2026-01-05", None, "t2,2026-01-05", "has 2 fields, the header has 3"),
        (b"t2,2026-01-05,B,C", None, "t2,2026-01-05,B,C", "has 4 fields, the header has 3"),
        (b't2,2026-01-05,"B', None, 't2,2026-01-05,"B', "has a quote that is not closed, or text around"),
        (
            b't2,2026-01-05,"B" C',
            None,
            't2,2026-01-05,"B" C',
            "has a quote that is not closed, or text around",
        ),
    ],
)
def test_a_broken_line_refuses_itself_only(desk: Desk, line: bytes, column: str, value: str, reason: str) -> None:
    path = desk.write("tutors.csv", b"tutor_id,joined_at,name\nt1,2026-01-05,A\n" + line + b"\nt3,2026-01-05,C\n")

    (report,) = desk.take_in(path, most_refused=0.5)
    refusal = refused(report)

    assert (refusal.line, refusal.column, refusal.value) == (3, column, value)
    assert refusal.reason.startswith(reason)
    assert [row.name for row in desk.rows("tutors")] == ["A", "C"] or report.inserted == 2


@pytest.mark.parametrize("broken", [b"t2,2026-01-05,\xff", b't2,2026-01-05,"B', b"t2,2026-01-05"])
def test_the_line_is_the_one_in_the_file_whatever_came_before(desk: Desk, broken: bytes) -> None:
    text = b'tutor_id,joined_at,name\r\n\r\nt1,2026-01-05,"A\r\nB"\r\n' + broken + b"\r\n"

    (report,) = desk.take_in(desk.write("tutors.csv", text), most_refused=0.5)

    assert refused(report).line == 5


@pytest.mark.parametrize(
    ("changes", "column", "reason"),
    [
        ({"tutor_id": ["t2"]}, "tutor_id", "is not a single value"),
        ({"tutor_id": {"id": "t2"}}, "tutor_id", "is not a single value"),
        ({"tutor_id": None}, "tutor_id", "is missing"),
        ({"name": "B\0C"}, "name", "holds a NUL byte"),
        ({"joined_at": 1780308000}, "joined_at", DATE_REASON),
        ({"baseline_sessions_per_week": True}, "baseline_sessions_per_week", "is not a number"),
        ({"subjects": {"first": "Math"}}, "subjects", "is not a list"),
    ],
)
def test_a_wrong_value_of_json_refuses_its_row(desk: Desk, changes: dict[str, Any], column: str, reason: str) -> None:
    path = desk.write("tutors.jsonl", [TUTOR, TUTOR | {"tutor_id": "t2"} | changes])

    (report,) = desk.take_in(path, most_refused=0.5)
    refusal = refused(report)

    assert (refusal.line, refusal.column) == (2, column)
    assert refusal.reason.startswith(reason)


def test_a_time_that_the_zones_clock_skipped_is_refused(staffed: Desk) -> None:
    rows = beside_a_good_row(Kind.SESSIONS, scheduled_start="2026-03-08T02:30:00")

    report = staffed.take(Kind.SESSIONS, *rows, zone="America/New_York", most_refused=0.5)

    assert refused(report).reason == "is a time that clocks in America/New_York skipped"


def test_a_file_with_too_many_wrong_rows_is_refused_as_a_whole(staffed: Desk) -> None:
    rows = [FEEDBACK | {"feedback_id": f"f{number}", "rating": str(number)} for number in range(8)]

    report = staffed.take(Kind.FEEDBACK, *rows, most_refused=0.3)

    assert report.refused_because == "3 of 8 rows are refused, at most 30 % of them may be"
    assert (report.inserted, report.updated, report.unchanged, report.refused) == (0, 0, 0, 3)
    assert staffed.rows("student_feedback") == []


def test_as_many_wrong_rows_as_may_be_are_only_left_out(staffed: Desk) -> None:
    rows = [FEEDBACK | {"feedback_id": f"f{number}", "rating": str(number)} for number in range(8)]

    report = staffed.take(Kind.FEEDBACK, *rows, most_refused=0.375)

    assert [row.rating for row in staffed.rows("student_feedback")] == [1, 2, 3, 4, 5]
    assert (report.inserted, report.refused, report.taken_in) == (5, 3, True)


def test_what_the_database_contradicts_counts_among_the_wrong_rows(staffed: Desk) -> None:
    rows = [EVENT | {"event_id": f"e{number}", "tutor_id": f"t{number}"} for number in range(1, 4)]

    report = staffed.take(Kind.EVENTS, *rows, most_refused=0.5)

    assert report.refused_because is not None
    assert staffed.rows("tutor_events") == []


def test_a_file_without_a_needed_column_is_refused(desk: Desk) -> None:
    report = desk.take(Kind.TUTORS, {"tutor_id": "t1", "name": "A"})

    assert report.refused_because == "a file of tutors needs the columns joined_at; it has tutor_id, name"


def test_a_file_whose_times_name_no_zone_is_refused_without_one(staffed: Desk) -> None:
    rows = [FEEDBACK | {"submitted_at": "2026-06-01T12:00:00Z"}, FEEDBACK]

    report = staffed.take(Kind.FEEDBACK, *rows, zone=None)

    assert report.refused_because is not None
    assert report.refused_because.startswith("line 3: submitted_at 2026-06-01T12:00:00 names no zone: say with")


def test_one_refused_file_does_not_keep_the_others_out(desk: Desk) -> None:
    tutors = desk.write("tutors.csv", [TUTOR])
    sessions = desk.write("sessions.csv", [SESSION | {"duration_minutes": "long"}])
    events = desk.write("events.csv", [EVENT])

    reports = desk.take_in(events, sessions, tutors)

    assert [(report.kind, report.taken_in) for report in reports] == [
        (Kind.TUTORS, True),
        (Kind.SESSIONS, False),
        (Kind.EVENTS, True),
    ]
    assert [len(desk.rows(table)) for table in ("tutors", "students", "sessions", "tutor_events")] == [1, 0, 0, 1]


def test_every_refusal_goes_to_the_sink(staffed: Desk) -> None:
    told: list[tuple[str, int]] = []
    rows = [FEEDBACK | {"feedback_id": "f1", "rating": "9"}, FEEDBACK | {"session_id": "s9"}]

    staffed.take(
        Kind.FEEDBACK, *rows, most_refused=1.0, on_refusal=lambda path, refusal: told.append((path.name, refusal.line))
    )

    assert told == [("feedback.csv", 2), ("feedback.csv", 3)]
