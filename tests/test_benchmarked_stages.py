"""What a stage costs is counted where it is spent, and what it is measured on is what it is called."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import product
from pathlib import Path

import orjson
import pytest
from sqlalchemy import Connection, Engine, text

from tests.benchmarks import growth, marketplace, measure, orm, sheets
from tests.benchmarks.beside import Stage, in_turn
from tests.benchmarks.costs import Cost, Family, cost_of, cost_of_command, server, this_process
from tests.benchmarks.goals import Measured
from tests.benchmarks.sheets import Aspect
from tests.benchmarks.sizes import SIZES, Size, chosen
from tests.conftest import NOW
from tests.evaluation.world import add_world
from tests.factories import add_event, add_feedback, add_organization, add_session, add_tutor
from tutormax import db, evaluation, partitions
from tutormax.windows import WINDOW_DAYS, Window

BURNT_SECONDS = 0.3
HELD_MIB = 100
BURN = f"""
import time
while time.process_time() < {BURNT_SECONDS}: pass
"""
# A child burns and ends; then the parent burns, and stays.
BURN_WITH_CHILD = f"""
import subprocess, sys, time
subprocess.run([sys.executable, "-c", {BURN!r}], check=True)
{BURN}
print("burnt", flush=True)
sys.stdin.read()
"""
HOLD = f"""
held = bytearray({HELD_MIB} * 2**20)
del held
print("held", flush=True)
import sys
sys.stdin.read()
"""


@contextmanager
def said(program: str) -> Iterator[int]:
    """Run a program that says when it is done, and stays; give its process."""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process.pid
        process.communicate()


def test_a_family_has_used_what_its_members_used_and_those_who_ended() -> None:
    with said(BURN_WITH_CHILD) as parent:
        together, alone = (Family((parent,), alone=alone).cpu_seconds() for alone in (False, True))

    # The kernel tells whole ticks of ten milliseconds, of user and of system time.
    assert together > 1.8 * BURNT_SECONDS > alone > 0.9 * BURNT_SECONDS


def test_a_peak_is_remembered_until_it_is_forgotten() -> None:
    with said(HOLD) as holder:
        family = Family((holder,))
        peak = family.peak_mib()
        family.forget_peaks()
        after = family.peak_mib()

    assert peak > HELD_MIB > after


def test_what_postgres_does_is_its_own_cost_even_by_a_backend_that_has_ended(database: str) -> None:
    server.cache_clear()

    def count() -> None:
        engine = db.connect(database)
        with engine.connect() as connection:
            connection.execute(text("select count(*) from generate_series(1, 1500000)"))
        engine.dispose()

    cost = cost_of(count)
    server.cache_clear()

    assert cost.server_seconds > 2 * cost.client_seconds
    assert cost.server_peak_mib > 1
    assert cost.wall_seconds > 0


def test_a_command_costs_what_it_did_and_not_what_we_hold(engine: Engine) -> None:
    held = b"x" * (3 * HELD_MIB * 2**20)

    cost = cost_of_command([sys.executable, "-c", f"held = b'x' * ({HELD_MIB} * 2**20)\n{BURN}"])

    assert 3 * HELD_MIB > cost.client_peak_mib > HELD_MIB
    assert cost.client_seconds > 0.9 * BURNT_SECONDS
    assert len(held) > 0
    with pytest.raises(subprocess.CalledProcessError):
        cost_of_command([sys.executable, "-c", "raise SystemExit(1)"])


def test_what_this_process_does_is_the_clients_cost(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.execute(text("select 1")).scalar_one() == 1

    cost = cost_of(lambda: sum(range(10_000_000)), this_process())

    assert cost.client_seconds > 0.05


def test_everybody_is_copied_with_what_they_did(database: str) -> None:
    with db.transaction() as connection:
        few, many = (add_tutor(connection, organization=add_organization(connection)) for _ in range(2))
        for tutor, hours in ((few, (1,)), (many, (2, 30, 700))):
            for hour in hours:
                session = add_session(connection, tutor, scheduled_start=NOW - timedelta(hours=hour))
                add_feedback(connection, session, rating=4)
                add_event(connection, tutor, "login", event_time=NOW - timedelta(hours=hour))
    with db.transaction() as connection:
        marketplace.copy(connection, 3)

    with db.transaction() as connection:
        assert per_tutor(connection, "sessions") == per_tutor(connection, "student_feedback") == [1] * 3 + [3] * 3
        assert per_tutor(connection, "tutor_events") == [1] * 3 + [3] * 3
        # Whoever rates is the student of the session, and the copy's session is the copy's tutor's.
        joined = text(
            "select count(*) from student_feedback join sessions using (session_id, tutor_id, student_id)"
            " where session_start = scheduled_start"
        )
        assert connection.execute(joined).scalar_one() == 12
        # New ones still get ids of their own.
        add_session(connection, add_tutor(connection))


def per_tutor(connection: Connection, table: str) -> list[int]:
    """Return how many rows each tutor has, fewest first."""
    counted = text(f"select count(*) from {table} group by tutor_id order by 1")
    return list(connection.execute(counted).scalars())


def test_what_goes_on_is_what_became_known_a_week_before(database: str) -> None:
    with db.transaction() as connection:
        partitions.ensure(connection, NOW, NOW + timedelta(days=8))
        tutor = add_tutor(connection)
        add_session(connection, tutor, ingested_at=NOW)
        add_session(connection, tutor, ingested_at=NOW + timedelta(minutes=1))

        rows = marketplace.go_on(connection, NOW + timedelta(days=7, minutes=-15), NOW + timedelta(days=7))

        known = connection.execute(text("select ingested_at from sessions order by 1")).scalars().all()
    assert rows == 1
    assert known == [NOW, NOW + timedelta(minutes=1), NOW + timedelta(days=7)]


def test_the_orm_way_judges_as_we_do(database: str) -> None:
    ends = [NOW - days * marketplace.DAY for days in (0, 3, 20, 45)]
    with db.transaction() as connection:
        partitions.ensure(connection, NOW - timedelta(days=130), NOW + timedelta(days=10))
        add_world(connection, NOW, seed=7)
        tutor_ids = list(connection.execute(text("select tutor_id from tutors order by 1")).scalars())
        for tutor_id, end in product(tutor_ids, ends):
            evaluation.evaluate_single_tutor(connection, tutor_id, Window(end))
        ours = judgements(connection)
        connection.execute(text("delete from tutor_performance_metrics"))

    for end in ends:
        orm.evaluate(tutor_ids, end)

    with db.transaction() as connection:
        theirs = judgements(connection)
    assert len(ours) == len(tutor_ids) * len(WINDOW_DAYS) * len(ends)
    assert theirs.keys() == ours.keys()
    for key, row in ours.items():
        assert theirs[key] == pytest.approx(row, abs=2e-6), key


def judgements(connection: Connection) -> dict[tuple[object, ...], dict[str, object]]:
    """Return what is stored, by tutor, window and its end."""
    rows = connection.execute(text("select * from tutor_performance_metrics")).mappings()
    key = ("tutor_id", "window_days", "window_end")
    return {
        tuple(row[name] for name in key): {
            name: row[name] for name in row if name not in {*key, "active", "evaluated_at"}
        }
        for row in rows
    }


def test_a_stage_is_told_beside_its_limit_and_the_orm_way() -> None:
    ours, limit, usual = Cost(2.0, 0.5, 1.5, 90.0, 30.0), Cost(1.0, 0.1, 0.4), Cost(4.0, 1.0, 1.0)
    size = Size("tiny", 1000)

    stage = Stage(Measured.EVALUATION, size, 1000, 3000, [ours], [limit], [usual], orm_share=0.1)

    told = {figure.aspect: figure for figure in stage.figures()}
    assert told.keys() == set(Aspect)
    assert told[Aspect.WALL].value == 2.0
    assert told[Aspect.CPU].value == 2.0
    assert told[Aspect.RATE].value == 1500
    assert told[Aspect.A_TUTOR].value == 2.0
    assert told[Aspect.TO_LIMIT].value == 2.0
    assert told[Aspect.TO_LIMIT].met is False
    assert told[Aspect.CPU_TO_LIMIT].value == 4.0
    # A tenth took twice as long as our whole.
    assert told[Aspect.ORM].value == pytest.approx(20)
    assert told[Aspect.ORM_CPU].value == pytest.approx(10)


def test_a_stage_is_one_line_and_its_goals_are_told_below() -> None:
    stage = Stage(Measured.EVALUATION, SIZES["N"], 1500, 4500, [Cost(2.0, 0.5, 1.5)], [Cost(1.0, 0.5, 0.5)])
    other = measure.median("jobs", [3.0], "jobs/s")

    stages, figures = sheets.sheets([measure.as_kept(figure) for figure in [*stage.figures(), other]])

    assert [row[0] for row in stages.rows] == ["evaluation, N"]
    assert "2 x (2)" in stages.rows[0]
    assert [(row[0], row[-1]) for row in figures.rows] == [
        ("evaluation, N: wall to its limit", "missed"),
        ("jobs", ""),
    ]


def test_the_three_are_measured_in_turn_after_a_first_time() -> None:
    done: list[str] = []
    ours, limit, usual = (lambda: done.append("ours")), (lambda: done.append("limit")), (lambda: done.append("orm"))

    mine, least, usually = in_turn(ours, limit, usual, 2)

    assert done == ["ours", "limit", *["ours", "limit", "orm"] * 2]
    assert (len(mine), len(least), len(usually)) == (2, 2, 2)


def grown(file: Path, size: str, seconds: float) -> str:
    """Write a result of one stage that took so long for a thousand tutors; return its file."""
    stage = Stage(Measured.EVALUATION, SIZES[size], 1000, 1000, [Cost(seconds, 0.1, 0.1)])
    measure.keep(list(stage.figures()), {}, file)
    return str(file)


@pytest.mark.parametrize(("seconds", "code"), [(1.2, 0), (1.4, 1)])
def test_a_tutor_who_costs_more_among_many_is_seen(tmp_path: Path, seconds: float, code: int) -> None:
    small, large = grown(tmp_path / "n.json", "N", 1.0), grown(tmp_path / "l.json", "L", seconds)

    assert growth.main([small, large]) == code


def test_growth_needs_a_stage_that_both_measured(tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_bytes(orjson.dumps({"figures": [{"name": "evaluation", "value": 1.0}]}))

    assert growth.main([str(old), grown(tmp_path / "l.json", "L", 1.0)]) == 2


def test_sizes_are_those_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {name: size.tutors for name, size in SIZES.items()} == {"S": 300, "N": 1500, "L": 15_000, "XL": 150_000}
    monkeypatch.delenv("TUTORS", raising=False)
    monkeypatch.setenv("SIZE", "L")
    assert chosen() == SIZES["L"]
    monkeypatch.setenv("TUTORS", "700")
    assert chosen().tutors == 700
