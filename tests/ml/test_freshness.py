"""How fresh the facts are from which a model was learnt, and what the gate makes of that."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection

from ml import evidence
from ml.challenger import SQL
from ml.gate import Decision, judge
from tests.conftest import NOW
from tests.factories import add_event, add_feedback, add_organization, add_session, add_tutor
from tutormax import queries
from tutormax.populations import Population

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def newest(connection: Connection, *, synthetic: bool = False) -> datetime | None:
    asked = {"synthetic": synthetic, "as_of": NOW}
    found: datetime | None = connection.execute(queries.load("newest_raw_row", SQL), asked).scalar_one()
    return found


def test_the_newest_of_all_kinds_of_facts_counts(connection: Connection) -> None:
    tutor = add_tutor(connection)
    session = add_session(connection, tutor, scheduled_start=NOW - DAY, ingested_at=NOW - 5 * HOUR)
    assert newest(connection) == NOW - 5 * HOUR

    add_feedback(connection, session, submitted_at=NOW - 4 * HOUR, ingested_at=NOW - 3 * HOUR)
    assert newest(connection) == NOW - 3 * HOUR

    add_event(connection, tutor, "login", event_time=NOW - 6 * HOUR, ingested_at=NOW - HOUR)
    assert newest(connection) == NOW - HOUR


def test_what_came_later_and_what_is_of_others_does_not_count(connection: Connection) -> None:
    others = add_tutor(connection, organization=add_organization(connection, synthetic=True))
    add_event(connection, others, "login", event_time=NOW - HOUR, ingested_at=NOW - HOUR)
    add_event(connection, add_tutor(connection), "login", event_time=NOW - HOUR, ingested_at=NOW + HOUR)

    assert newest(connection) is None
    assert newest(connection, synthetic=True) == NOW - HOUR


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (NOW - 59 * MINUTE, Decision.PROMOTE),
        (NOW - 60 * MINUTE, Decision.PROMOTE),
        (NOW - 61 * MINUTE, Decision.KEEP),
        (None, Decision.KEEP),
    ],
)
def test_a_model_of_stale_facts_replaces_no_other(at: datetime | None, expected: Decision) -> None:
    shown = evidence.of_freshness(at, NOW, allowed_minutes=60)

    assert judge(shown, Population.CUSTOMER).decision is expected
