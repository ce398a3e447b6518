"""Every format's own commands, executed: against Debian's PostgreSQL and Redis, with its environment and health checks.

`make verify-deploy`; not collected by `make test`, of which test_miniature.py is a small part of this.
"""

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import which

import psycopg
import pytest
import redis

from tests.deploy.formats import FORMATS, compose_service
from tests.deploy.running import is_well, run, started, stop
from tests.deploy.stores import Stores, debian_stores
from tests.faults.harness import eventually, free_port

BIN = Path(sys.executable).parent
READY_SECONDS = 90.0
# Longer than anybody waits for it here.
LONG_JOB = ("generate_synthetic_data", "--num-tutors", "5000", "--num-sessions", "500000")
MIGRATE = ("python", "-m", "tutormax", "migrate")


@pytest.fixture(scope="session")
def stores() -> Iterator[Stores]:
    with debian_stores() as made:
        yield made


def long_job(stores: Stores) -> tuple[str, int, int]:
    """Return state, attempts and recoveries of the newest long job."""
    with psycopg.connect(stores.secret("database_url")) as connection:
        row = connection.execute(
            "select state, attempts, recoveries from jobs where actor = %s order by created_at desc", [LONG_JOB[0]]
        ).fetchone()
    assert row is not None
    return row


@pytest.fixture(autouse=True)
def no_job_of_before(stores: Stores) -> Iterator[None]:
    """Forget the long job, so that it does not go on under the next format."""
    yield
    with psycopg.connect(stores.secret("database_url")) as connection:
        if connection.execute("select to_regclass('jobs')").fetchone() != (None,):
            connection.execute("delete from jobs where actor = %s", [LONG_JOB[0]])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", FORMATS)
def test_what_is_stated_comes_up_works_and_stops_in_time(name: str, stores: Stores, tmp_path: Path) -> None:
    stated = list(FORMATS[name]())
    [migration] = [each for each in stated if each.argv == MIGRATE]
    others = [each for each in stated if each.argv != MIGRATE]

    assert "up to date" in run(migration, stores, tmp_path, *migration.argv)
    with ExitStack() as opened:
        processes = [opened.enter_context(started(each, stores, tmp_path)) for each in others]
        for each in processes:
            eventually(lambda each=each: is_well(each), seconds=READY_SECONDS)  # type: ignore[misc]
        [evaluation] = [each for each in others if "evaluation" in each.argv]
        done = run(
            evaluation, stores, tmp_path, "python", "-m", "tutormax.enqueue", "evaluate_tutor_performance", "--wait"
        )
        assert "done" in done
        run(evaluation, stores, tmp_path, "python", "-m", "tutormax.enqueue", *LONG_JOB)
        eventually(lambda: long_job(stores)[0] == "running", seconds=READY_SECONDS)
        took = {each.stated.name: round(stop(each), 1) for each in processes}
        for each in processes:
            assert each.stated.watchdog_seconds is None or "STOPPING=1" in each.hear()
    # Handed back, or ended in time; not left behind for others to find.
    state, attempts, recoveries = long_job(stores)
    assert state in ("pending", "done")
    assert (attempts, recoveries) == (0, 0) or state == "done"
    print(f"\n{name}: seconds to stop {took}")  # noqa: T201 - what whoever runs this wants to know


def test_the_worker_may_ring_and_nothing_else(stores: Stores) -> None:
    with redis.Redis.from_url(stores.secret("broker_url")) as client:
        client.rpush("tutormax:doorbells:nobody", "x")
        client.delete("tutormax:doorbells:nobody")
        for forbidden in (
            ["FLUSHALL"],
            ["CONFIG", "GET", "*"],
            ["KEYS", "*"],
            ["RPUSH", "other", "x"],
            ["ACL", "LIST"],
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*forbidden)
        policy = client.info("memory")["maxmemory_policy"], client.info("persistence")["aof_enabled"]
    assert policy == ("noeviction", 1)
    with redis.Redis(port=stores.redis_port) as nobody, pytest.raises(redis.exceptions.AuthenticationError):
        nobody.ping()


def test_the_owner_of_the_database_is_no_superuser(stores: Stores) -> None:
    with psycopg.connect(stores.secret("database_url")) as connection:
        [row] = connection.execute("select rolsuper, rolcreaterole from pg_roles where rolname = current_user")
    assert row == (False, False)


@pytest.mark.parametrize(("service", "tells"), [("redis", "redis_up 1"), ("postgres", "pg_up 1")])
def test_the_exporters_of_the_stores_see_them(stores: Stores, tmp_path: Path, service: str, tells: str) -> None:
    program = which(f"prometheus-{service}-exporter")
    assert program is not None, f"apt-get install prometheus-{service}-exporter"
    address = f"127.0.0.1:{free_port()}"
    told = {
        key: stores.moved(value).replace("/run/secrets", str(stores.secrets))
        for key, value in compose_service(f"{service}-exporter")["environment"].items()
    }
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([program, f"--web.listen-address={address}"], env=told, stdout=log, stderr=log)
    try:
        eventually(lambda: tells in _page(address), seconds=20)
    finally:
        process.kill()
        process.wait()


def _page(address: str) -> str:
    try:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
            return str(answer.read().decode())
    except (OSError, urllib.error.URLError):
        return ""
