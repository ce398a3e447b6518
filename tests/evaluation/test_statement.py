"""The whole statement: its rows are what the rules say, of random facts, in any zone, alone or among all."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, text

from tests.conftest import NOW
from tests.evaluation.judging import DAY, METRICS, WINDOW, after, assert_as_the_twin, evaluate
from tests.evaluation.world import add_world
from tests.factories import add_session, add_tutor
from tutormax import evaluation, queries
from tutormax.evaluation import EvaluationSummary, evaluate_single_tutor
from tutormax.tables import sessions, student_feedback, tutor_events, tutor_performance_metrics, tutors
from tutormax.windows import Window


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_rows_are_what_the_rules_say_of_random_facts(connection: Connection, seed: int) -> None:
    add_world(connection, NOW, seed=seed)

    for tutor in connection.execute(select(tutors.c.tutor_id)).scalars().all():
        evaluate_single_tutor(connection, tutor, WINDOW)

    assert_as_the_twin(connection, WINDOW)


def test_rows_that_changed_facts_touch_are_rewritten_in_every_column(connection: Connection) -> None:
    add_world(connection, NOW, seed=4)
    ids = connection.execute(select(tutors.c.tutor_id)).scalars().all()
    for tutor in ids:
        evaluate_single_tutor(connection, tutor, WINDOW)

    for table, key in ((sessions, "session_id"), (student_feedback, "feedback_id"), (tutor_events, "event_id")):
        connection.execute(delete(table).where(table.c[key] % 3 == 0))
    for tutor in ids:
        evaluate_single_tutor(connection, tutor, WINDOW)

    assert_as_the_twin(connection, WINDOW)


def test_one_tutor_alone_is_judged_as_among_all(connection: Connection) -> None:
    add_world(connection, NOW, seed=5)
    evaluate(connection)
    together = connection.execute(select(*METRICS)).all()
    connection.execute(delete(tutor_performance_metrics))

    for tutor in sorted({row.tutor_id for row in together}):
        evaluate_single_tutor(connection, tutor, WINDOW)

    assert len(together) >= 15
    assert sorted(connection.execute(select(*METRICS)).all()) == sorted(together)


# Instants two days after the clocks there were changed.
@pytest.mark.parametrize(
    ("zone", "instant"), [("Pacific/Auckland", "2026-04-06T12:00Z"), ("America/New_York", "2026-03-10T12:00Z")]
)
def test_the_sessions_zone_changes_nothing(connection: Connection, zone: str, instant: str) -> None:
    window = Window.ending(instant)
    add_world(connection, window.end, seed=6)
    evaluate(connection, window)
    before = connection.execute(select(*METRICS)).all()

    connection.execute(text("select set_config('timezone', :zone, true)"), {"zone": zone})
    again = evaluate(connection, window)

    assert again.rows_written == 0
    assert connection.execute(select(*METRICS)).all() == before


def test_evaluating_again_writes_nothing(connection: Connection) -> None:
    add_world(connection, NOW, seed=7)
    evaluate(connection, after(WINDOW, -1))
    first = evaluate(connection)
    rows = connection.execute(select(tutor_performance_metrics)).all()

    again = evaluate(connection)

    assert first.rows_written == 3 * first.tutors > 0
    assert (again.tutors, again.rows_written, again.rows_corrected) == (first.tutors, 0, 0)
    assert connection.execute(select(tutor_performance_metrics)).all() == rows


def test_a_marketplace_without_tutors_is_evaluated(connection: Connection) -> None:
    assert evaluate(connection) == EvaluationSummary(tutors=0, rows_written=0, rows_corrected=0, fell=())


def test_every_active_tutor_is_judged_over_each_window(connection: Connection) -> None:
    teaching, gone = add_tutor(connection), add_tutor(connection)
    add_session(connection, teaching)
    add_session(connection, gone, scheduled_start=NOW - 15 * DAY)

    summary = evaluate(connection)

    table = tutor_performance_metrics
    rows = connection.execute(select(table.c.tutor_id, table.c.window_days).order_by(table.c.window_days)).all()
    assert rows == [(teaching, 7), (teaching, 30), (teaching, 90)]
    assert (summary.tutors, summary.rows_written) == (1, 3)


def test_all_is_known_before_the_first_row_is_written(connection: Connection) -> None:
    # Or each tutor's former row is looked for among all that the statement has written so far.
    tutor = add_tutor(connection)
    bound = {"tutor_ids": [tutor], "window_ends": [NOW], "actives": [True], **evaluation._bounds(NOW, NOW)}  # noqa: SLF001
    statement = text(f"explain (format json) {queries.load('evaluation/judge').text}")
    plan = connection.execute(statement, bound).scalar_one()[0]["Plan"]

    above = [types for alias, types in scans(plan) if alias == "stored_1"]

    assert above
    assert all("Sort" in types for types in above), above


def test_a_row_is_compared_with_its_own_and_not_with_everybodys(connection: Connection) -> None:
    add_world(connection, NOW, seed=7)
    ids = list(connection.execute(select(tutors.c.tutor_id)).scalars())
    bounds = evaluation._bounds(NOW, NOW)  # noqa: SLF001
    bound = {"tutor_ids": ids, "window_ends": [NOW] * len(ids), "actives": [True] * len(ids), **bounds}
    # Rows in the order of the window's end would be merged by that alone.
    connection.execute(text("set local enable_hashjoin = off; set local enable_nestloop = off"))
    statement = text(f"explain (format json) {queries.load('evaluation/judge').text}")
    plan = connection.execute(statement, bound).scalar_one()[0]["Plan"]

    (merged,) = [node["Merge Cond"] for node in joins(plan) if "stored.window_end" in node.get("Merge Cond", "")]

    assert "stored.tutor_id" in merged


def test_whoever_moved_is_looked_up_and_not_searched_for(connection: Connection) -> None:
    add_world(connection, NOW, seed=7, facts=4000)
    connection.execute(text("analyze sessions, student_feedback, tutor_events"))
    # As little for some thousand facts as there is for millions.
    connection.execute(text("set local work_mem = '64kB'; set local hash_mem_multiplier = 1"))
    bound = {"active": [1], "window_end": NOW, "previous": NOW - 30 * DAY}
    statement = text(f"explain {queries.load('evaluation/tutors_to_judge').text}")
    plan = "\n".join(connection.execute(statement, bound).scalars())

    assert "(hashed SubPlan 1)" in plan
    assert "(SubPlan 1)" not in plan


def scans(node: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the alias of each scan of a plan, and what its rows go through."""
    if "Alias" in node:
        yield node["Alias"], above
    for child in node.get("Plans", ()):
        yield from scans(child, (*above, node["Node Type"]))


def joins(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a plan that join rows."""
    if "Join Type" in node:
        yield node
    for child in node.get("Plans", ()):
        yield from joins(child)
