"""A tutor is active who taught or joined in the last 14 days and has not resigned since."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, text

from tests.conftest import NOW
from tests.factories import add_event, add_organization, add_session, add_tutor
from tutormax.tutors import UnknownTutorError, active_tutors, require_tutor

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)


def add_session_ended(connection: Connection, tutor: int, ended_at: datetime, **facts: object) -> int:
    return add_session(connection, tutor, scheduled_start=ended_at - HOUR, **facts)


@pytest.mark.parametrize(
    ("ended_at", "active"),
    [
        (NOW - 14 * DAY, False),
        (NOW - 14 * DAY + MOMENT, True),
        (NOW, True),
        (NOW + MOMENT, False),
    ],
)
def test_a_session_that_ended_in_the_last_14_days_makes_active(
    connection: Connection, ended_at: datetime, active: bool
) -> None:
    tutor = add_tutor(connection)
    add_session_ended(connection, tutor, ended_at, outcome_known_at=NOW - 15 * DAY, ingested_at=NOW - 15 * DAY)

    assert (tutor in active_tutors(connection, NOW)) == active


@pytest.mark.parametrize("status", ["scheduled", "tutor_no_show", "student_no_show", "cancelled"])
def test_only_completed_sessions_make_active(connection: Connection, status: str) -> None:
    add_session(connection, add_tutor(connection), status=status, ended_at=NOW - DAY)

    assert active_tutors(connection, NOW) == []


@pytest.mark.parametrize("column", ["outcome_known_at", "ingested_at"])
@pytest.mark.parametrize(("known_at", "active"), [(NOW, True), (NOW + MOMENT, False)])
def test_a_session_counts_once_it_is_known(
    connection: Connection, column: str, known_at: datetime, active: bool
) -> None:
    tutor = add_tutor(connection)
    add_session(connection, tutor, **{column: known_at})

    assert (tutor in active_tutors(connection, NOW)) == active


@pytest.mark.parametrize(
    ("joined_at", "active"),
    [(NOW - 14 * DAY, False), (NOW - 14 * DAY + MOMENT, True), (NOW, True), (NOW + MOMENT, False)],
)
def test_who_joined_in_the_last_14_days_is_active(connection: Connection, joined_at: datetime, active: bool) -> None:
    tutor = add_tutor(connection, joined_at=joined_at, ingested_at=NOW - 20 * DAY)

    assert (tutor in active_tutors(connection, NOW)) == active


@pytest.mark.parametrize(("ingested_at", "active"), [(NOW, True), (NOW + MOMENT, False)])
def test_a_tutor_counts_once_known(connection: Connection, ingested_at: datetime, active: bool) -> None:
    tutor = add_tutor(connection, joined_at=NOW - DAY, ingested_at=ingested_at)

    assert (tutor in active_tutors(connection, NOW)) == active


@pytest.mark.parametrize(
    ("resigned_at", "active"),
    [
        (NOW - 20 * DAY, True),
        (NOW - 2 * DAY - MOMENT, True),
        (NOW - 2 * DAY, False),
        (NOW, False),
        (NOW + MOMENT, True),
    ],
)
def test_a_session_counts_only_after_the_resignation(
    connection: Connection, resigned_at: datetime, active: bool
) -> None:
    tutor = add_tutor(connection)
    add_session_ended(connection, tutor, NOW - 2 * DAY)
    # Announced: known long before it happens.
    add_event(connection, tutor, "resignation", event_time=resigned_at, ingested_at=NOW - 30 * DAY)

    assert (tutor in active_tutors(connection, NOW)) == active


def test_the_latest_resignation_decides(connection: Connection) -> None:
    tutor = add_tutor(connection)
    add_event(connection, tutor, "resignation", event_time=NOW - 5 * DAY)
    add_session_ended(connection, tutor, NOW - 3 * DAY)
    add_event(connection, tutor, "resignation", event_time=NOW - DAY)

    assert active_tutors(connection, NOW) == []


def test_a_resignation_counts_once_it_is_known(connection: Connection) -> None:
    tutor = add_tutor(connection)
    add_session_ended(connection, tutor, NOW - DAY)
    add_event(connection, tutor, "resignation", event_time=NOW - HOUR, ingested_at=NOW + MOMENT)

    assert active_tutors(connection, NOW) == [tutor]
    assert active_tutors(connection, NOW + MOMENT) == []


@pytest.mark.parametrize(("resigned_at", "active"), [(NOW - 3 * DAY, True), (NOW - 2 * DAY, False), (NOW - DAY, False)])
def test_who_joined_and_resigned_since_is_not_active(
    connection: Connection, resigned_at: datetime, active: bool
) -> None:
    tutor = add_tutor(connection, joined_at=NOW - 2 * DAY)
    add_event(connection, tutor, "resignation", event_time=resigned_at)

    assert (tutor in active_tutors(connection, NOW)) == active


def test_no_other_event_makes_active_or_ends_it(connection: Connection) -> None:
    silent, teaching = add_tutor(connection), add_tutor(connection)
    add_session_ended(connection, teaching, NOW - DAY)
    for tutor in (silent, teaching):
        for kind in ("login", "reschedule", "message_response", "availability_change", "training_completed"):
            add_event(connection, tutor, kind)

    assert active_tutors(connection, NOW) == [teaching]


def test_an_organization_sees_its_own_tutors(connection: Connection) -> None:
    ours, theirs = add_organization(connection), add_organization(connection)
    tutors = [add_tutor(connection, organization=of, joined_at=NOW - DAY) for of in (theirs, ours, ours)]

    assert active_tutors(connection, NOW, organization_id=ours) == tutors[1:]
    assert active_tutors(connection, NOW) == tutors


def test_only_the_named_tutors_are_looked_at(connection: Connection) -> None:
    first, second = (add_tutor(connection, joined_at=NOW - DAY) for _ in range(2))
    teaching, silent = add_tutor(connection), add_tutor(connection)
    add_session(connection, teaching)

    assert active_tutors(connection, NOW, tutor_ids=[silent, teaching, second]) == [second, teaching]
    assert active_tutors(connection, NOW, tutor_ids=[]) == []
    assert first in active_tutors(connection, NOW)


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/New_York"])
def test_fourteen_days_are_336_hours_in_every_zone(connection: Connection, zone: str) -> None:
    # New York springs forward on 8 March, Auckland falls back on 5 April: both lie in the 14 days before.
    at = datetime.fromisoformat("2026-03-15T12:00Z" if "York" in zone else "2026-04-12T12:00Z")
    inside, outside, resigned = (add_tutor(connection) for _ in range(3))
    add_session_ended(connection, inside, at - 14 * DAY + MOMENT)
    add_session_ended(connection, outside, at - 14 * DAY)
    add_session_ended(connection, resigned, at - 14 * DAY + MOMENT)
    add_event(connection, resigned, "resignation", event_time=at - 14 * DAY + 2 * MOMENT)
    connection.execute(text("select set_config('timezone', :zone, true)"), {"zone": zone})

    assert active_tutors(connection, at) == [inside]


def test_a_tutor_who_does_not_exist_is_refused(connection: Connection) -> None:
    require_tutor(connection, add_tutor(connection))

    with pytest.raises(UnknownTutorError, match="there is no tutor 123456789"):
        require_tutor(connection, 123456789)
