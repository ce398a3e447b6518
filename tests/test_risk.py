"""Who may leave is told of everybody who is still scored, also while the night's scores come in."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from tests.conftest import NOW
from tests.factories import add_event, add_organization, add_score, add_session, add_tutor
from tutormax import risk

MIDNIGHT = NOW.replace(hour=0)
DAY = timedelta(days=1)


def listed(connection: Connection) -> set[int]:
    """Return who is at risk; the count by levels has to agree."""
    found = {row["tutor_id"] for row in risk.tutors_at_risk(connection, limit=10)}
    assert risk.risk_levels(connection)["critical"] == len(found)
    return found


@pytest.mark.parametrize("into_the_day", [timedelta(0), timedelta(hours=11)])
def test_whoever_was_scored_last_night_is_shown_until_tonights_score_comes(
    connection: Connection, into_the_day: timedelta
) -> None:
    organization = add_organization(connection)
    waiting = add_score(connection, add_tutor(connection, organization=organization), MIDNIGHT - DAY)
    scored = add_score(connection, add_tutor(connection, organization=organization), MIDNIGHT + into_the_day)

    assert listed(connection) == {waiting, scored}


@pytest.mark.parametrize("since_the_score", [timedelta(hours=1), timedelta(days=-3)])
def test_whoever_has_resigned_is_no_risk_any_more(connection: Connection, since_the_score: timedelta) -> None:
    organization = add_organization(connection)
    gone = add_score(connection, add_tutor(connection, organization=organization), MIDNIGHT)
    scored = add_score(connection, add_tutor(connection, organization=organization), MIDNIGHT)
    # One that is told of late lies before the score that knew nothing of it.
    resigned_at, told_at = MIDNIGHT + since_the_score, MIDNIGHT + timedelta(hours=2)
    add_event(connection, gone, "resignation", event_time=resigned_at, ingested_at=told_at)

    assert listed(connection) == {scored}


def test_whoever_teaches_again_after_a_resignation_may_leave_again(connection: Connection) -> None:
    back = add_score(connection, add_tutor(connection), MIDNIGHT)
    add_event(connection, back, "resignation", event_time=MIDNIGHT - 3 * DAY)
    add_session(connection, back, scheduled_start=MIDNIGHT - 2 * DAY)

    assert listed(connection) == {back}


def test_whoever_joins_again_after_a_resignation_may_leave_again(connection: Connection) -> None:
    back = add_score(connection, add_tutor(connection, joined_at=MIDNIGHT - DAY), MIDNIGHT)
    add_event(connection, back, "resignation", event_time=MIDNIGHT - 3 * DAY)

    assert listed(connection) == {back}


def test_whoever_is_scored_no_more_is_not_shown(connection: Connection) -> None:
    organization = add_organization(connection)
    add_score(connection, add_tutor(connection, organization=organization), MIDNIGHT - 2 * DAY)
    scored = add_score(connection, add_tutor(connection, organization=organization), MIDNIGHT)

    assert listed(connection) == {scored}
