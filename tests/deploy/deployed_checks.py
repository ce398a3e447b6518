"""Every format's own commands, executed: against Debian's PostgreSQL and Redis, with its environment and health checks.

`make verify-deploy`; not collected by `make test`. What stands in the files is changed in three things only: paths of
the machine it is for, hosts of its network, and ports, which processes in containers have each for themselves.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from shutil import which

import psycopg
import pytest
import redis

from tests.deploy.formats import FORMATS, ROOT, Process, compose_service
from tests.deploy.stores import Stores, debian_stores
from tests.faults.harness import eventually, free_port

BIN = Path(sys.executable).parent
READY_SECONDS = 90.0
MIGRATE = ("python", "-m", "tutormax", "migrate")


@pytest.fixture(scope="session")
def stores() -> Iterator[Stores]:
    with debian_stores() as made:
        yield made


@dataclass(slots=True)
class Running:
    """A process that runs as its file says."""

    stated: Process
    port: int
    process: "subprocess.Popen[bytes]"
    notified: socket.socket
    log: Path
    heard: list[str] = field(default_factory=list)

    def hear(self) -> list[str]:
        """Return all that systemd was told until now."""
        while True:
            try:
                self.heard.append(self.notified.recv(4096).decode())
            except BlockingIOError:
                return self.heard


def environment(stated: Process, stores: Stores, folder: Path, port: int) -> Mapping[str, str]:
    """Return the environment of a process as its file states it, moved to this machine."""
    kept = ("PATH", "LANG", "SSL_CERT_FILE")
    places = {
        "/run/secrets/tutormax": str(stores.secrets),
        "/run/credentials": str(stores.secrets),
        "/run/secrets": str(stores.secrets),
        "/var/lib/tutormax": str(folder),
        "/tmp": str(folder),  # noqa: S108 - read, and replaced
    }
    somewhere = re.compile("|".join(places))
    said = {name: somewhere.sub(lambda found: places[found[0]], value) for name, value in stated.environment.items()}
    if not said.get("DATABASE_URL") and "DATABASE_URL_FILE" not in said:
        # These two take the addresses from the platform.
        said |= {"DATABASE_URL": stores.secret("database_url"), "REDIS_URL": stores.secret("broker_url")}
    ports = {"TUTORMAX_METRICS_PORTS": str(port), "TUTORMAX_EXPORTER_PORT": str(port)}
    at_home = {"TUTORMAX_METRICS_HOST": "127.0.0.1", "WORKER_MODEL_SAVE_PATH": str(folder / "models")}
    return {name: os.environ[name] for name in kept if name in os.environ} | at_home | said | ports


@contextmanager
def started(stated: Process, stores: Stores, folder: Path) -> Iterator[Running]:
    """Run one process, its output in a file; nothing of it is left when the block ends."""
    port = free_port()
    told = environment(stated, stores, folder, port)
    notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    address = str(folder / f"{stated.name}.notify")
    notified.bind(address)
    if stated.watchdog_seconds is not None:
        microseconds = str(round(stated.watchdog_seconds * 1e6))
        told = {**told, "NOTIFY_SOCKET": address, "WATCHDOG_USEC": microseconds}
    log = folder / f"{stated.name}.log"
    with log.open("wb") as output:
        command = [str(BIN / stated.argv[0]), *stated.argv[1:]]
        process = subprocess.Popen(command, cwd=ROOT, env=told, stdout=output, stderr=output, start_new_session=True)
    try:
        yield Running(stated, port, process, notified, log)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        notified.close()


def is_well(running: Running) -> bool:
    """Ask a process what its own file asks it."""
    assert running.process.poll() is None, running.log.read_text()[-2000:]
    stated = running.stated
    if stated.watchdog_seconds is not None:
        return "READY=1" in running.hear()
    # Where a file asks nothing, what Kubernetes asks.
    if not all(_answers_ok(running.port, path) for path in stated.probes or ("/livez", "/readyz")):
        return False
    if stated.health is None:
        return True
    moved = [str(running.port) if before == "--port" else word for before, word in pairwise(("", *stated.health))]
    return subprocess.run([BIN / moved[0], *moved[1:]], cwd=ROOT, capture_output=True, check=False).returncode == 0


def _answers_ok(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def stop(running: Running) -> float:
    """Stop a process as its format does; return the seconds that it took."""
    began = time.monotonic()
    if running.stated.format == "systemd":
        # The whole control group, and SIGCONT to wake whoever was stopped.
        os.killpg(running.process.pid, signal.SIGTERM)
        os.killpg(running.process.pid, signal.SIGCONT)
    else:
        running.process.terminate()
    code = running.process.wait(running.stated.stop_seconds or 45)
    assert code == 0, running.log.read_text()[-2000:]
    return time.monotonic() - began


def run(stated: Process, stores: Stores, folder: Path, *argv: str) -> str:
    """Run a command to its end in the environment of a process."""
    told = environment(stated, stores, folder, free_port())
    ended = subprocess.run(
        [str(BIN / argv[0]), *argv[1:]], cwd=ROOT, env=told, capture_output=True, text=True, check=False, timeout=100
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


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
        took = {each.stated.name: round(stop(each), 1) for each in processes}
        for each in processes:
            assert each.stated.watchdog_seconds is None or "STOPPING=1" in each.hear()
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
