"""Health: one answer for a process, for a kind of process, and for everything, in words and as an exit code."""

import subprocess
import sys
from socket import gethostname
from uuid import uuid4

import pytest
from sqlalchemy import text

from tests.factories import NOW
from tests.faults.harness import free_port
from tutormax import db, emissions, health
from tutormax.catalogue import Process, registry
from tutormax.emissions import Promise
from tutormax.health import Check
from tutormax.metrics_server import Page, serve
from tutormax.registration import Row, State, enter


def answering(*, well: bool = True) -> str:
    """Return the address of a process that lives and says whether it is ready."""
    pages: dict[str, Page] = {
        "/livez": lambda _: (True, {"silent_seconds": 0.5}),
        "/readyz": lambda _: (well, {"postgresql": "ok", "broker": "ok" if well else "away"}),
    }
    return f"127.0.0.1:{serve('127.0.0.1', str(free_port()), registry(Process.EXPORTER), pages)}"


def register(
    kind: Process, address: str | None, state: State = State.UP, *, silent_seconds: int = 0, host: str | None = None
) -> None:
    row = Row(uuid4(), kind, kind.value, state, host or gethostname(), 1, address)
    with db.transaction() as connection:
        enter(connection, row)
        connection.execute(
            text("update processes set seen_at = seen_at - make_interval(secs => :s) where process_id = :id"),
            {"s": silent_seconds, "id": row.process_id},
        )


def ill(checks: list[Check]) -> list[tuple[str, str]]:
    return [(check.name, check.said) for check in checks if not check.well]


def test_a_process_that_answers_is_well() -> None:
    address = answering()

    live, ready = health.of_address(address)

    assert (live.well, live.said) == (True, "silent seconds 0.5")
    assert (ready.well, ready.said) == (True, "")


def test_a_process_that_is_not_ready_says_why() -> None:
    address = answering(well=False)

    assert ill(health.of_address(address)) == [(f"{address}/readyz", "broker away")]


def test_a_process_that_does_not_answer_is_ill() -> None:
    [live, ready] = health.of_address(f"127.0.0.1:{free_port()}")

    assert not live.well
    assert "refused" in ready.said


@pytest.mark.usefixtures("database")
def test_of_a_kind_all_are_asked_and_one_must_be_up() -> None:
    nobody = health.of_kind(Process.WORKER)
    register(Process.WORKER, answering())
    register(Process.WORKER, None)
    register(Process.WORKER, None, State.DRAINING)

    assert ill(nobody) == [("worker", "none is up")]
    assert ill(health.of_kind(Process.WORKER)) == []


@pytest.mark.usefixtures("database")
def test_one_that_went_silent_is_ill_until_another_has_its_address() -> None:
    address = answering()
    register(Process.WORKER, None)
    register(Process.WORKER, address, silent_seconds=30)
    lost = ill(health.of_kind(Process.WORKER))

    register(Process.WORKER, address)

    assert lost == [(f"worker worker {address}", "lost")]
    assert ill(health.of_kind(Process.WORKER)) == []


@pytest.mark.usefixtures("database")
def test_a_loopback_address_on_another_host_is_not_asked_here() -> None:
    register(Process.WORKER, f"127.0.0.1:{free_port()}", host="elsewhere")
    register(Process.WORKER, answering())

    checks = health.of_kind(Process.WORKER)

    assert ill(checks) == []
    assert [check.name for check in checks if check.said == "up"] == ["worker worker that cannot be asked from here"]


@pytest.mark.usefixtures("database")
def test_everything_is_well_until_a_schedule_is_late() -> None:
    exporter = answering()
    for kind in (Process.WORKER, Process.SCHEDULER):
        register(kind, answering())
    well = health.of_everything(exporter)
    with db.transaction() as connection:
        emissions.unsent(connection, {"training": NOW}, NOW)
        emissions.promise(connection, [Promise("training", "train_models", NOW, NOW)])

    late = ill(health.of_everything(exporter))

    assert ill(well) == []
    assert [name for name, _ in late] == ["schedules", "schedule training"]


@pytest.mark.usefixtures("database")
def test_an_outdated_schema_is_one_line() -> None:
    with db.transaction() as connection:
        connection.execute(text("update alembic_version set version_num = '0001'"))

    [(name, said)] = ill(health.of_kind(Process.WORKER))

    assert name == "ledger"
    assert "python -m tutormax migrate" in said


def called(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tutormax", "health", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_exit_code_says_it() -> None:
    port = answering().rpartition(":")[2]

    well = called("worker", "--port", port)
    gone = called("worker", "--port", str(free_port()))

    assert (well.returncode, gone.returncode) == (0, 1)
    assert "well" in well.stdout
    assert "ILL" in gone.stdout


@pytest.mark.usefixtures("database")
def test_all_without_a_process_is_not_well() -> None:
    answer = called("all", "--json")

    assert answer.returncode == 1
    assert '"none is up"' in answer.stdout
