"""The scheduler as it is run: `python -m schedules`."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

import schedules.__main__ as schedules_command
from schedules.__main__ import main
from tests.faults.harness import free_port
from tests.surroundings import a_day_ahead
from tutormax import db, emissions
from tutormax.tables import jobs, schedule_slots, schedules

ROOT = Path(__file__).parents[2]
NOWHERE = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "REDIS_URL": "redis://127.0.0.1:1/0"}


@contextmanager
def scheduler(log: Path, **changes: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the scheduler; it is gone when the block ends."""
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "schedules"], cwd=ROOT, env=os.environ | changes, stdout=output, stderr=output
        ) as process,
    ):
        yield process
        process.kill()


def slots_of_generation() -> int:
    with db.transaction() as connection:
        of_generation = schedule_slots.c.name == "continuous_generation"
        return connection.execute(select(func.count()).select_from(schedule_slots).where(of_generation)).scalar_one()


def wait_for_slots(count: int) -> int:
    """Wait for some slots of the generation; return how many there are."""
    while (there := slots_of_generation()) < count:
        time.sleep(0.1)
    return there


def metrics_of(port: int) -> Mapping[str, float]:
    """Return what the scheduler says of itself."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_the_list_needs_no_server() -> None:
    command = [sys.executable, "-m", "schedules", "--list", "--json", "--count", "3"]
    environment = os.environ | NOWHERE | {"TUTORMAX_SCHEDULE_TIMEZONE": "America/New_York"}

    shown = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True).stdout

    training = next(one for one in json.loads(shown) if one["schedule"] == "training")
    assert (training["zone"], len(training["next"])) == ("America/New_York", 3)
    assert {slot["local"][11:19] for slot in training["next"]} == {"02:00:00"}


def test_the_list_says_how_generation_is_switched_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0

    assert "TUTORMAX_GENERATION_ENABLED=true" in capsys.readouterr().out


def test_without_servers_it_waits_and_stops_at_ctrl_c(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with scheduler(log, **NOWHERE) as process:
        while "task fails" not in log.read_text():
            time.sleep(0.1)
        # Several more failed ticks, of which nothing is said.
        time.sleep(2.5)
        process.send_signal(signal.SIGINT)

        assert process.wait() == 0
    assert log.read_text().count("task fails") == 1
    assert "Traceback" not in log.read_text()


def test_a_server_that_does_not_answer_does_not_keep_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent_url = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/nothing"
        with scheduler(log, **NOWHERE | {"DATABASE_URL": silent_url}) as process:
            caller, _ = silent.accept()
            process.terminate()

            assert process.wait() == 0
            caller.close()
    assert "scheduler stopped" in log.read_text()


def test_two_schedulers_one_killed_send_every_slot_once(database: str, tmp_path: Path) -> None:
    port = free_port()
    changes = {"TUTORMAX_GENERATION_ENABLED": "true", "WORKER_DATA_GEN_INTERVAL_SECONDS": "1"}
    with (
        scheduler(tmp_path / "one", DATABASE_URL=database, **changes) as one,
        scheduler(tmp_path / "two", DATABASE_URL=database, TUTORMAX_METRICS_PORTS=str(port), **changes) as two,
    ):
        sent = wait_for_slots(3)
        one.kill()
        wait_for_slots(sent + 2)
        told = metrics_of(port)
        two.terminate()
        assert two.wait() == 0

    with db.transaction() as connection:
        slots = connection.execute(select(func.count()).select_from(schedule_slots)).scalar_one()
        asked = connection.execute(select(jobs.c.requested_by, jobs.c.slot)).all()
    assert len(asked) == len(set(asked)) == slots
    assert told['tutormax_schedule_emissions_total{result="ok",schedule="continuous_generation"}'] >= 2
    assert told['tutormax_schedule_emissions_total{result="error",schedule="training"}'] == 0
    assert told["tutormax_scheduler_heartbeat_timestamp_seconds"] > time.time() - 60


def test_a_schedule_is_paused_and_resumed_by_command(database: str) -> None:
    assert database
    with db.transaction() as connection:
        emissions.unsent(connection, {"training": datetime.now(UTC)}, datetime.now(UTC))

    def paused() -> bool:
        with db.transaction() as connection:
            return connection.execute(select(schedules.c.paused_at)).scalar_one() is not None

    assert (main(["--pause", "training"]), paused()) == (0, True)
    assert (main(["--resume", "training"]), paused()) == (0, False)


def test_a_resumed_schedule_begins_now_whatever_the_clock_of_whoever_resumes_it(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert database
    with db.transaction() as connection:
        emissions.unsent(connection, {"training": datetime.now(UTC)}, datetime.now(UTC))
    a_day_ahead(monkeypatch, schedules_command)

    assert (main(["--pause", "training"]), main(["--resume", "training"])) == (0, 0)

    with db.transaction() as connection:
        registered_at = connection.execute(select(schedules.c.registered_at)).scalar_one()
    assert registered_at <= datetime.now(UTC)


def test_an_unknown_schedule_is_refused(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert database

    assert main(["--pause", "nonsense"]) == 2
    assert capsys.readouterr().err.startswith("'nonsense' is not a schedule")
