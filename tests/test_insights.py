"""Insights: how long it took until a session counted, measured once for each session that is news."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert

from tests.conftest import NOW
from tests.factories import add_session, add_tutor
from tutormax import insights
from tutormax.catalogue import Process, registry
from tutormax.insights import Counted
from tutormax.tables import evaluations
from tutormax.windows import Window

WINDOW = Window.ending(NOW)
MINUTE = timedelta(minutes=1)


def ended(connection: Connection, tutor: int, ago: timedelta, *, known: timedelta | None = None) -> None:
    """Add a session that ended some time before the window's end, and was known some time before it."""
    known_at = NOW - (ago if known is None else known)
    add_session(
        connection,
        tutor,
        scheduled_start=NOW - ago - timedelta(hours=1),
        ended_at=NOW - ago,
        outcome_known_at=known_at,
        ingested_at=known_at,
    )


def judged(connection: Connection, ago: timedelta) -> None:
    connection.execute(insert(evaluations).values(window_end=NOW - ago))


def known(connection: Connection) -> list[int]:
    """Return how many minutes before the window's end each counted session was known."""
    return sorted((NOW - one.known_at) // MINUTE for one in insights.first_counted(connection, WINDOW))


def test_what_became_known_in_the_quarter_hour_is_counted(connection: Connection) -> None:
    tutor = add_tutor(connection)
    for minutes in (0, 14, 15, 16):
        ended(connection, tutor, minutes * MINUTE)

    assert known(connection) == [0, 14]


def test_after_an_outage_everything_since_the_last_judgement_is_counted(connection: Connection) -> None:
    tutor = add_tutor(connection)
    judged(connection, 60 * MINUTE)
    for minutes in (10, 40, 59, 60, 70):
        ended(connection, tutor, minutes * MINUTE)

    assert known(connection) == [10, 40, 59]


def test_after_an_outage_of_more_than_a_day_what_waited_for_so_long_is_counted(connection: Connection) -> None:
    tutor = add_tutor(connection)
    judged(connection, timedelta(hours=40))
    for hours in (1, 30, 39, 40, 41):
        ended(connection, tutor, timedelta(hours=hours))

    assert known(connection) == [1 * 60, 30 * 60, 39 * 60]


def test_an_outage_of_weeks_is_not_looked_back_on_as_a_whole(connection: Connection) -> None:
    tutor = add_tutor(connection)
    judged(connection, timedelta(weeks=3))
    for hours in (47, 48, 49):
        ended(connection, tutor, timedelta(hours=hours))

    assert known(connection) == [47 * 60]


def test_history_that_was_taken_in_during_an_outage_is_no_news(connection: Connection) -> None:
    tutor = add_tutor(connection)
    judged(connection, timedelta(days=2))
    ended(connection, tutor, timedelta(hours=35), known=timedelta(hours=10))
    ended(connection, tutor, timedelta(hours=33), known=timedelta(hours=10))

    assert known(connection) == [10 * 60]


def test_a_session_that_we_heard_of_late_is_counted_when_we_did(connection: Connection) -> None:
    tutor = add_tutor(connection)
    judged(connection, 15 * MINUTE)
    ended(connection, tutor, timedelta(hours=5), known=5 * MINUTE)

    assert known(connection) == [5]


def test_history_that_somebody_took_in_is_no_news(connection: Connection) -> None:
    tutor = add_tutor(connection)
    ended(connection, tutor, timedelta(days=2), known=5 * MINUTE)

    assert known(connection) == []


@pytest.mark.parametrize(("stage", "seconds"), [("ingest", 60), ("evaluate", 120), ("publish", 240), ("total", 420)])
def test_each_stage_is_measured(stage: str, seconds: int) -> None:
    before = total(stage)
    session = Counted(ended_at=NOW, known_at=NOW + MINUTE)

    insights.observe([session], judged_at=NOW + 3 * MINUTE, published_at=NOW + 7 * MINUTE)

    assert total(stage) == before + seconds


def total(stage: str) -> float:
    worker = registry(Process.WORKER)
    return worker.get_sample_value("tutormax_insight_latency_seconds_sum", {"stage": stage}) or 0.0
