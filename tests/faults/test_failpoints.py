"""Every boundary, and each thing that can happen there: others go on, and the books are right."""

import multiprocessing
import sys
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.conftest import own_database
from tests.faults.boundaries import SCENARIOS, Action, Place, go_on_with, live
from tests.jobs import probes
from tutormax import db, failpoints, servers
from tutormax.failpoints import Failpoint
from tutormax.populations import Population

# Everything is imported once, and each process starts in a moment.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["pytest", "tests.faults.boundaries", "tests.schedules.ticker"])
ROUNDS = 8

EVERYTHING = [
    (name, point, action) for name, scenario in SCENARIOS.items() for point, action in product(scenario.points, Action)
]


@pytest.fixture(scope="module")
def shared_database(endpoints: servers.Endpoints, engine: Engine) -> Iterator[str]:
    """One database for every case."""
    with own_database(endpoints, engine, __name__) as url:
        with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # Who meets a row that somebody sleeps on comes again later.
            connection.execute(text(f"alter database {connection.engine.url.database} set lock_timeout = '200ms'"))
        db.dispose()
        with db.transaction() as connection:
            probes.make_effects(connection)
        yield url


@pytest.fixture
def place(shared_database: str, endpoints: servers.Endpoints, tmp_path: Path) -> Place:
    """The database, emptied, and a directory."""
    with db.transaction() as connection:
        connection.execute(
            text(
                "truncate jobs, effects, schedules, schedule_slots, models, audit_log, organizations, tutors, students,"
                " tutor_performance_metrics cascade"
            )
        )
    (tmp_path / Population.SYNTHETIC).mkdir()
    return Place(shared_database, endpoints.broker_url, tmp_path)


def fate_of(place: Place, name: str, point: Failpoint, action: Action, plant: str | None = None) -> list[str]:
    """Let a process meet its fate at a boundary and others go on; return what is wrong in the end."""
    scenario = SCENARIOS[name]
    others = partial(_planted, name, plant) if plant else scenario.again
    scenario.before(place)
    pipe, its_pipe = CONTEXT.Pipe()
    process = CONTEXT.Process(target=live, args=(place, name, its_pipe, (point, action), plant))
    process.start()
    its_pipe.close()
    try:
        while (reached := pipe.recv()) != point:
            assert reached != "over", f"{point} was not reached"
        if action is Action.SLEEP:
            others(place, 1)
            pipe.send("wake")
        if action is not Action.KILL:
            while point is not Failpoint.AFTER_ACK and pipe.recv() not in {Failpoint.AFTER_ACK, "over"}:
                pass
    finally:
        process.kill()
        process.join()
        pipe.close()
    wrong = scenario.at_once(place)
    others(place, ROUNDS)
    return [*wrong, *scenario.wrong(place)]


def _planted(name: str, plant: str, place: Place, rounds: int) -> None:
    process = CONTEXT.Process(target=go_on_with, args=(place, name, rounds, plant))
    process.start()
    process.join()


def test_every_failpoint_is_in_a_scenario() -> None:
    assert {point for _, point, _ in EVERYTHING} == set(Failpoint)


@pytest.mark.parametrize(("name", "point", "action"), EVERYTHING)
def test_whatever_happens_at_a_boundary_the_books_are_right(
    place: Place, name: str, point: Failpoint, action: Action
) -> None:
    assert fate_of(place, name, point, action) == []


@pytest.mark.parametrize(
    ("plant", "fate", "told"),
    [
        ("no_relay", ("a producer", Failpoint.BEFORE_RING, Action.KILL), "leave_mark is pending"),
        ("two_transactions", ("a job", Failpoint.BEFORE_COMMIT, Action.KILL), "effects ['a', 'a']"),
        ("no_fence", ("a job", Failpoint.AFTER_EFFECT, Action.SLEEP), "effects ['a', 'a']"),
        ("no_unique_slot", ("a scheduler", Failpoint.AFTER_SLOT, Action.SLEEP), "2 jobs of one slot"),
        ("link_before_fsync", ("a publisher", Failpoint.BEFORE_RENAME, Action.KILL), "is not a directory of its own"),
    ],
)
@pytest.mark.usefixtures("keyed_slots")
def test_each_planted_bug_is_found(place: Place, plant: str, fate: tuple[str, Failpoint, Action], told: str) -> None:
    assert told in "; ".join(fate_of(place, *fate, plant))


@pytest.fixture
def keyed_slots(place: Place) -> Iterator[None]:
    """Whatever a plant takes from the slots' key, the next case has it."""
    yield
    with db.transaction() as connection:
        connection.execute(text("truncate schedule_slots"))
        connection.execute(text("alter table schedule_slots drop constraint if exists schedule_slots_pkey"))
        connection.execute(text("alter table schedule_slots add primary key (name, slot)"))


def test_a_failpoint_that_is_off_is_one_call_that_calls_nothing() -> None:
    calls: list[str] = []

    sys.setprofile(lambda _, event, argument: calls.append(f"{event} {argument}"))
    failpoints.reach(Failpoint.BEFORE_TAKE)
    sys.setprofile(None)

    assert [call.split()[0] for call in calls] == ["call", "return", "c_call"]
