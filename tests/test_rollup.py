"""Whatever happens to facts, judgements made from daily sums are those made from the facts, to the last digit."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.exc import OperationalError

from tests.conftest import NOW
from tests.evaluation.world import add_world
from tests.factories import add_event, add_feedback, add_session
from tutormax import db, queries, rollup
from tutormax.evaluation import correct_judgements, evaluate_single_tutor, evaluate_tutors
from tutormax.tables import (
    sessions,
    student_feedback,
    touched_days,
    tutor_days,
    tutor_events,
    tutor_performance_metrics,
    tutors,
)
from tutormax.tutors import active_tutors
from tutormax.windows import QUARTER_HOUR, Window

SQL = Path(__file__).parent / "sql"
DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
WINDOW = Window(NOW)
METRICS = [
    column
    for column in tutor_performance_metrics.c
    if column.name not in ("tutor_id", "window_days", "window_end", "active", "evaluated_at")
]
TIMES = {sessions: "scheduled_start", student_feedback: "submitted_at", tutor_events: "event_time"}
SUMS = [column for column in tutor_days.c if column.name not in ("tutor_id", "day")]


class Marketplace:
    """A small marketplace whose evaluations are remembered: at which quarter hour who was active."""

    def __init__(self, connection: Connection, seed: int) -> None:
        self.connection = connection
        self.now = NOW
        self.active: dict[datetime, set[int]] = {}
        add_world(connection, NOW, seed=seed, tutors=4, facts=250)
        self.tutors = list(connection.execute(select(tutors.c.tutor_id).order_by(tutors.c.tutor_id)).scalars())

    def evaluate(self, window: Window) -> None:
        """Judge everybody, and hold what is stored to the facts."""
        evaluate_tutors(self.connection, window)
        self.active[window.end] = set(active_tutors(self.connection, window.end))
        for window_end, active in self.active.items():
            assert shown(self.connection, window_end) == from_facts(self.connection, active, window_end)


def shown(connection: Connection, window_end: datetime) -> dict[tuple[int, int], tuple[Any, ...]]:
    """Return the metrics that hold at a quarter hour, by tutor and window, of whoever was active."""
    table = tutor_performance_metrics
    newest = (
        select(table)
        .ext(distinct_on(table.c.tutor_id, table.c.window_days))
        .where(table.c.window_end <= window_end)
        .order_by(table.c.tutor_id, table.c.window_days, table.c.window_end.desc())
        .subquery()
    )
    rows = connection.execute(select(newest).where(newest.c.active)).mappings()
    return {(row["tutor_id"], row["window_days"]): tuple(row[column.name] for column in METRICS) for row in rows}


def from_facts(
    connection: Connection, tutor_ids: set[int], window_end: datetime
) -> dict[tuple[int, int], tuple[Any, ...]]:
    """Return the metrics of tutors at a quarter hour as the facts have them now."""
    rows = connection.execute(
        queries.load("performance_from_facts", SQL),
        {
            "tutor_ids": list(tutor_ids),
            "window_ends": [window_end] * len(tutor_ids),
            "earliest": window_end - 90 * DAY,
            "latest": window_end,
        },
    ).mappings()
    return {(row["tutor_id"], row["window_days"]): tuple(row[column.name] for column in METRICS) for row in rows}


# What may happen.

INSTANTS = st.one_of(
    # At the edges of windows, on either side of midnights, and anywhere.
    st.builds(
        lambda days, quarters, moments: NOW - days * DAY + quarters * QUARTER_HOUR + moments * MOMENT,
        st.sampled_from([0, 7, 30, 90]),
        st.integers(-2, 6),
        st.integers(-1, 1),
    ),
    st.builds(
        lambda days, moments: NOW.replace(hour=0) - days * DAY + moments * MOMENT,
        st.integers(-1, 91),
        st.integers(-1, 0),
    ),
    st.builds(lambda minutes: NOW - timedelta(minutes=minutes), st.integers(-300, 95 * 24 * 60)),
)
TABLES = st.sampled_from(list(TIMES))


def add_fact(number: int, kind: str, at: datetime, value: float) -> Callable[[Marketplace], object]:
    def act(market: Marketplace) -> None:
        tutor = market.tutors[number % len(market.tutors)]
        if kind == "feedback":
            session = market.connection.execute(select(func.max(sessions.c.session_id))).scalar_one()
            add_feedback(market.connection, session, tutor_id=tutor, rating=1 + int(value * 5) % 5, submitted_at=at)
        elif kind in ("completed", "tutor_no_show", "scheduled"):
            add_session(market.connection, tutor, scheduled_start=at, status=kind, engagement_score=value)
        else:
            add_event(market.connection, tutor, kind, event_time=at, value=1000 * value, by_tutor=True)

    return act


def choose(market: Marketplace, table: Any, number: int) -> Any:
    key = table.primary_key.columns.values()[0]
    ids = market.connection.execute(select(key).order_by(key)).scalars().all()
    return key == ids[number % len(ids)] if ids else key.is_(None)


def remove(table: Any, number: int) -> Callable[[Marketplace], object]:
    return lambda market: market.connection.execute(delete(table).where(choose(market, table, number)))


def move(table: Any, number: int, at: datetime) -> Callable[[Marketplace], object]:
    return lambda market: market.connection.execute(
        update(table).where(choose(market, table, number)).values({TIMES[table]: at})
    )


def give_away(table: Any, number: int, to: int) -> Callable[[Marketplace], object]:
    return lambda market: market.connection.execute(
        update(table).where(choose(market, table, number)).values(tutor_id=market.tutors[to % len(market.tutors)])
    )


def edit(number: int, value: float) -> Callable[[Marketplace], object]:
    def act(market: Marketplace) -> None:
        values = {"status": "completed", "outcome_known_at": NOW, "cancelled_at": None, "engagement_score": value}
        market.connection.execute(update(sessions).where(choose(market, sessions, number)).values(values))

    return act


def go_on(quarters: int) -> Callable[[Marketplace], object]:
    def act(market: Marketplace) -> None:
        market.now += quarters * QUARTER_HOUR
        market.evaluate(Window(market.now))

    return act


def look_back(quarters: int) -> Callable[[Marketplace], object]:
    return lambda market: market.evaluate(Window(market.now - quarters * QUARTER_HOUR))


def judge_one(number: int) -> Callable[[Marketplace], object]:
    return lambda market: evaluate_single_tutor(
        market.connection, market.tutors[number % len(market.tutors)], Window(market.now + QUARTER_HOUR)
    )


NUMBERS = st.integers(0, 10**6)
VALUES = st.floats(0, 1, width=32)
KINDS = st.sampled_from(
    ["completed", "tutor_no_show", "scheduled", "feedback", "login", "reschedule", "message_response"]
)
CHANGES = st.one_of(
    st.builds(add_fact, NUMBERS, KINDS, INSTANTS, VALUES),
    st.builds(remove, TABLES, NUMBERS),
    st.builds(move, TABLES, NUMBERS, INSTANTS),
    st.builds(give_away, TABLES, NUMBERS, NUMBERS),
    st.builds(edit, NUMBERS, VALUES),
)
EVALUATIONS = st.one_of(
    st.builds(go_on, st.sampled_from([1, 1, 1, 2, 5, 96, 700])),
    st.builds(look_back, st.sampled_from([1, 3, 100])),
    st.builds(judge_one, NUMBERS),
)


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(seed=st.integers(0, 3), steps=st.lists(st.one_of(CHANGES, CHANGES, EVALUATIONS), min_size=3, max_size=25))
def test_judgements_from_sums_are_those_from_facts_whatever_happens(
    connection: Connection, seed: int, steps: list[Callable[[Marketplace], object]]
) -> None:
    savepoint = connection.begin_nested()
    market = Marketplace(connection, seed)
    for step in steps:
        step(market)
    market.evaluate(Window(market.now))
    market.evaluate(Window(market.now + QUARTER_HOUR))
    savepoint.rollback()


def days_and_marks(connection: Connection) -> tuple[list[Any], int]:
    """Return the sums of all days, and how many marks there are."""
    sums = connection.execute(select(tutor_days).order_by(tutor_days.c.tutor_id, tutor_days.c.day)).all()
    return list(sums), connection.execute(select(func.count()).select_from(touched_days)).scalar_one()


def test_of_more_marks_than_are_taken_at_once_none_is_forgotten(connection: Connection) -> None:
    add_world(connection, NOW, seed=3, tutors=6, facts=300)
    marked = connection.execute(select(touched_days.c.tutor_id, touched_days.c.day).distinct()).all()

    while rollup.sum_up_some(connection, at_once=2):
        pass

    sums, left = days_and_marks(connection)
    assert {(row.tutor_id, row.day) for row in sums} == set(marked)
    assert left == 0


def test_no_mark_is_removed_whose_day_was_not_summed_up(connection: Connection) -> None:
    add_world(connection, NOW, seed=3, tutors=6, facts=300)
    marks = set(connection.execute(select(touched_days.c.tutor_id, touched_days.c.day)).all())
    days = sorted(day for _, day in marks)
    first, last = days[len(days) // 3], days[len(days) // 2]
    within = {mark for mark in marks if first <= mark.day <= last}
    tutor = min(within).tutor_id
    bounds = {"first": first, "last": last, "starts": first, "ends": last + DAY}

    connection.execute(queries.load("rollup/sum_up_days"), {"tutor_id": tutor, **bounds})
    of_one = days_and_marks(connection)[0]
    connection.execute(queries.load("rollup/sum_up_days"), {"tutor_id": None, **bounds})

    assert {(row.tutor_id, row.day) for row in of_one} == {mark for mark in within if mark.tutor_id == tutor}
    assert {(row.tutor_id, row.day) for row in days_and_marks(connection)[0]} == within
    assert set(connection.execute(select(touched_days.c.tutor_id, touched_days.c.day)).all()) == marks - within


@pytest.mark.parametrize("write", [rollup.sum_up, correct_judgements])
def test_whoever_writes_sums_or_judgements_waits_for_whoever_else_does(
    database: str, write: Callable[[Connection], object]
) -> None:
    assert database
    with db.transaction() as first, db.transaction() as second:
        rollup.lock(first)
        second.execute(text("set local lock_timeout = '100ms'"))

        with pytest.raises(OperationalError, match="lock timeout"), second.begin_nested():
            write(second)


def test_marks_are_removed_without_a_join_whose_size_nobody_knows(connection: Connection) -> None:
    # Mostly the table has just been emptied: planned for one mark, 30,000 took half a minute.
    add_world(connection, NOW, seed=3, tutors=6, facts=300)
    statement = queries.load("rollup/sum_up_days").text
    bounds = {"tutor_id": None, "first": NOW.date(), "last": NOW.date(), "starts": NOW, "ends": NOW + DAY}

    plan = connection.execute(text(f"explain (format json) {statement}"), bounds).scalar_one()[0]["Plan"]

    (removal,) = [node for node in plan["Plans"] if node.get("Subplan Name") == "CTE taken"]
    assert [node["Node Type"] for node in removal["Plans"]] == ["Seq Scan"]
