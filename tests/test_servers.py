"""The embedded servers, as real processes: who starts them, who shares them, and that nobody leaves them behind."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import psutil
import psycopg
import pytest
import redis

from tutormax import servers, settings
from tutormax.errors import TransientError
from tutormax.servers.account import account_for
from tutormax.servers.supervisor import LINGER_SECONDS

# PostgreSQL refuses root; as root we also try what everybody else is.
UNPRIVILEGED = account_for(Path("/nowhere")).uid or os.geteuid()
PATIENCE_SECONDS = 30

# A process that is told where its servers are whenever it is asked, and holds them until its input ends.
# It hears Ctrl-C also where the tests run in the background, whose processes inherit that they do not.
CLIENT = """
import os, signal, sys
from tutormax import servers
signal.signal(signal.SIGINT, signal.default_int_handler)
for _ in sys.stdin:
    served = servers.endpoints()
    print(served.database_url, served.broker_url, flush=True)
"""
# The same, but what goes on after the first answer is a forked child without its parent.
FORKING_CLIENT = CLIENT + "    os.fork() and os._exit(0)"


class Start(Protocol):
    """How a test starts a process that uses embedded servers."""

    def __call__(
        self, data_dir: Path, *, program: str = CLIENT, before: Sequence[str] = (), database_url: str = ""
    ) -> subprocess.Popen[str]: ...


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A directory that an unprivileged user may enter, other than pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="tutormax-servers-")).resolve()
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def used_dir(home: Path) -> Path:
    """A data directory whose cluster is made once for all tests."""
    return home / "data"


@pytest.fixture
def data_dir(used_dir: Path) -> Iterator[Path]:
    """The used data directory; nothing may work in it before or after a test."""
    assert not processes(used_dir)
    yield used_dir
    for supervisor in processes(used_dir, "supervisor"):
        supervisor.terminate()
    eventually(lambda: not processes(used_dir))


@pytest.fixture
def client(home: Path) -> Iterator[Start]:
    """Start processes that use a data directory; they end with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(
        data_dir: Path, *, program: str = CLIENT, before: Sequence[str] = (), database_url: str = ""
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            (*before, sys.executable, "-c", program),
            cwd=home,
            env=environment(data_dir) | {"DATABASE_URL": database_url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        ask(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def environment(data_dir: Path) -> dict[str, str]:
    """What a process is told that shall use embedded servers, whatever the suite itself uses."""
    others = {"REDIS_URL", "DRAMATIQ_BROKER_URL", "POSTGRES_HOST"}
    kept = {name: value for name, value in os.environ.items() if name not in others}
    return kept | {"TUTORMAX_DATA_DIR": str(data_dir), "PYTHONPATH": str(Path(__file__).parent.parent)}


def unprivileged() -> list[str]:
    """What runs a command as somebody who is not root."""
    if os.geteuid() != 0:
        return []
    needed = [Path(sys.executable).resolve(), Path(sys.executable), Path(__file__).resolve()]
    reachable = all(above.stat().st_mode & stat.S_IXOTH for path in needed for above in path.parents)
    # An interpreter below /root is out of anybody else's reach; the right to read is no right to write.
    reading = [] if reachable else ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return ["setpriv", f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--clear-groups", *reading]


def ask(process: subprocess.Popen[str]) -> None:
    """Let a client ask for its servers."""
    assert process.stdin is not None
    process.stdin.write("where?\n")
    process.stdin.flush()


def served(process: subprocess.Popen[str]) -> servers.Endpoints:
    """Wait for a client's answer."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()
    return servers.Endpoints(*line.split())


def processes(data_dir: Path, name: str = "") -> list[psutil.Process]:
    """Every server and supervisor of a data directory, or those of one name."""
    works = {str(data_dir / "postgres"): "postgres", str(data_dir / "valkey"): "valkey"}
    found = [(works.get(each.info["cwd"]), each) for each in psutil.process_iter(["cwd"])]
    found += [
        ("supervisor", each)
        for each in psutil.process_iter(["cmdline"])
        if (each.info["cmdline"] or [])[-2:] == ["tutormax.servers", str(data_dir)]
    ]
    return [each for what, each in found if what == name or (what and not name)]


def parent(data_dir: Path, name: str) -> psutil.Process:
    """The process of one server that the others of its name are children of."""
    found = processes(data_dir, name)
    return next(each for each in found if each.ppid() not in {other.pid for other in found})


def kill_at_once(some: list[psutil.Process]) -> None:
    """Kill processes before one of them can do anything about the end of another."""
    for each in some:
        each.suspend()
    for each in some:
        with suppress(psutil.NoSuchProcess):
            each.kill()


def eventually(true: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def query(endpoints: servers.Endpoints, statement: str) -> list[tuple[object, ...]]:
    """Run one statement on the served database, in a connection of its own."""
    url = endpoints.database_url.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def valkey(endpoints: servers.Endpoints) -> redis.Redis:
    """A client of the served Valkey."""
    return redis.Redis.from_url(endpoints.broker_url, decode_responses=True)


def answers(endpoints: servers.Endpoints) -> bool:
    """Tell whether both servers take new connections."""
    try:
        query(endpoints, "select 1")
        return bool(valkey(endpoints).ping())
    except (psycopg.OperationalError, redis.RedisError):
        return False


def embedded_settings(data_dir: Path, **named: str) -> settings.Settings:
    """Settings that name no servers but the given ones."""
    none: dict[str, None] = dict.fromkeys(("DATABASE_URL", "REDIS_URL", "DRAMATIQ_BROKER_URL", "POSTGRES_HOST"))
    return settings.load(**none | named, data_dir=data_dir)


def test_both_servers_answer_and_have_stopped_when_the_last_one_left(data_dir: Path) -> None:
    with servers.embedded(data_dir) as endpoints:
        facts = query(endpoints, "select current_setting('fsync'), current_setting('timezone'), upper('ärger')")
        pong = valkey(endpoints).ping()

    assert facts == [("on", "UTC", "ÄRGER")]
    assert pong
    assert not processes(data_dir, "postgres")
    assert not processes(data_dir, "valkey")


def test_data_survives_between_runs(data_dir: Path) -> None:
    with servers.embedded(data_dir) as endpoints:
        query(endpoints, "create table if not exists kept as select 1 as number")
        valkey(endpoints).set("kept", "1")

    with servers.embedded(data_dir) as endpoints:
        assert query(endpoints, "select number from kept") == [(1,)]
        assert valkey(endpoints).get("kept") == "1"


def test_a_second_process_shares_the_servers_of_the_first(data_dir: Path, client: Start) -> None:
    first = served(client(data_dir))
    before = {each.pid for each in processes(data_dir, "supervisor")}

    second = served(client(data_dir))

    assert second == first
    assert {each.pid for each in processes(data_dir, "supervisor")} == before


def test_processes_that_start_at_once_share_one_supervisor(data_dir: Path, client: Start) -> None:
    clients = [client(data_dir) for _ in range(4)]

    assert len({served(each) for each in clients}) == 1
    assert len(processes(data_dir, "supervisor")) == 1


def test_the_servers_stay_until_the_last_client_is_killed(data_dir: Path, client: Start) -> None:
    first, second = client(data_dir), client(data_dir)
    endpoints = served(first)
    served(second)

    first.kill()
    first.wait()
    time.sleep(LINGER_SECONDS + 1)
    assert query(endpoints, "select 1") == [(1,)]

    second.kill()
    eventually(lambda: not processes(data_dir))


def test_a_forked_child_keeps_the_servers_of_its_parent(data_dir: Path, client: Start) -> None:
    parent_process = client(data_dir, program=FORKING_CLIENT)
    endpoints = served(parent_process)

    parent_process.wait()
    time.sleep(LINGER_SECONDS + 1)

    assert query(endpoints, "select 1") == [(1,)]


def test_ctrl_c_leaves_nothing_behind(data_dir: Path, client: Start) -> None:
    process = client(data_dir)
    served(process)
    # A signal that comes just before a read is heard only after it: Python looks for signals between two instructions.
    eventually(lambda: psutil.Process(process.pid).status() == psutil.STATUS_SLEEPING)

    os.killpg(process.pid, signal.SIGINT)

    assert process.wait(PATIENCE_SECONDS) == -signal.SIGINT
    eventually(lambda: not processes(data_dir))


def test_a_killed_supervisor_takes_its_servers_along_and_the_data_stays(data_dir: Path, client: Start) -> None:
    endpoints = served(client(data_dir))
    query(endpoints, "create table written as select 1 as number")

    parent(data_dir, "supervisor").kill()

    eventually(lambda: not processes(data_dir))
    with servers.embedded(data_dir) as again:
        assert query(again, "select number from written") == [(1,)]


def test_who_asks_again_after_the_supervisor_was_killed_has_the_same_servers_back(
    data_dir: Path, client: Start
) -> None:
    process = client(data_dir)
    before = served(process)

    parent(data_dir, "supervisor").kill()
    eventually(lambda: not processes(data_dir, "supervisor"))
    ask(process)
    after = served(process)

    assert after == before
    assert query(after, "select 1") == [(1,)]


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_a_killed_server_comes_back_where_it_was(data_dir: Path, name: str) -> None:
    with servers.embedded(data_dir) as endpoints:
        valkey(endpoints).set("number", "1")
        killed = parent(data_dir, name)

        killed.kill()
        eventually(lambda: not killed.is_running() and bool(processes(data_dir, name)))
        eventually(lambda: answers(endpoints))

        assert query(endpoints, "select 1") == [(1,)]
        assert valkey(endpoints).get("number") == "1"


def test_what_a_dead_run_left_does_not_block_the_next(data_dir: Path, client: Start) -> None:
    endpoints = served(client(data_dir))
    sockets = (data_dir / "run").readlink()
    kill_at_once(processes(data_dir))
    eventually(lambda: not processes(data_dir))
    # The pids of the dead run are those of a living process by now: this one.
    for left in (data_dir / "postgres" / "postmaster.pid", sockets / ".s.PGSQL.5432.lock"):
        left.write_text("\n".join((str(os.getpid()), *left.read_text().splitlines()[1:])) + "\n")
        left.chmod(0o600)
    assert (sockets / "supervisor.sock").exists()

    with servers.embedded(data_dir) as again:
        assert again == endpoints
        assert query(again, "select 1") == [(1,)]


def test_servers_without_a_supervisor_are_ended_by_the_next(data_dir: Path, client: Start) -> None:
    # Where no kernel ends them with the supervisor, they are found like this.
    served(client(data_dir))
    sockets = (data_dir / "run").readlink()
    parent(data_dir, "supervisor").suspend()
    orphans = [parent(data_dir, "postgres"), parent(data_dir, "valkey")]
    (data_dir / "supervisor.lock").unlink()
    (data_dir / "run").unlink()

    with servers.embedded(data_dir) as endpoints:
        assert query(endpoints, "select 1") == [(1,)]
        assert not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in orphans)
        assert not sockets.exists()

    kill_at_once(processes(data_dir, "supervisor"))


def test_an_interrupted_first_start_is_begun_anew(home: Path, client: Start) -> None:
    fresh = home / "interrupted"
    client(fresh)
    eventually(lambda: any(fresh.glob("postgres-unfinished-*/PG_VERSION")))

    kill_at_once(processes(fresh, "supervisor"))

    with servers.embedded(fresh) as endpoints:
        assert query(endpoints, "select 1") == [(1,)]
        assert not any(fresh.glob("postgres-unfinished-*"))


def test_a_copy_of_a_directory_has_servers_of_its_own(data_dir: Path, home: Path) -> None:
    with servers.embedded(data_dir) as first:
        (home / "copy").mkdir()
        (home / "copy" / "run").symlink_to((data_dir / "run").readlink())

        with servers.embedded(home / "copy") as second:
            query(second, "create table only_in_the_copy (number int)")

        assert query(first, "select to_regclass('only_in_the_copy')") == [(None,)]


def test_a_long_path_does_not_stop_the_sockets(data_dir: Path, home: Path) -> None:
    long = home / ("long, with a comma and späce " * 4) / ("x" * 100)
    long.mkdir(parents=True)
    with servers.embedded(data_dir):
        pass
    data_dir.rename(long / "data")

    try:
        with servers.embedded(long / "data") as endpoints:
            assert query(endpoints, "select 1") == [(1,)]
            assert valkey(endpoints).ping()
    finally:
        (long / "data").rename(data_dir)


def test_a_server_that_cannot_start_names_its_log_and_what_that_says(home: Path) -> None:
    broken = home / "broken"
    (broken / "postgres").mkdir(parents=True, mode=0o700)

    with pytest.raises(servers.ServerStartError, match=r"(?s)broken/postgres\.log ends with:.*postgres") as raised:
        servers.endpoints_for(embedded_settings(broken))

    assert isinstance(raised.value, TransientError)
    eventually(lambda: not processes(broken))


def test_named_servers_are_taken_as_they_are_and_none_is_started(home: Path) -> None:
    given = embedded_settings(
        home / "unused",
        DATABASE_URL="postgres://someone@there/db",
        REDIS_URL="redis://there:6379",
        plaintext_hosts="there",
    )

    endpoints = servers.endpoints_for(given)

    assert endpoints == servers.Endpoints("postgresql+psycopg://someone@there/db", "redis://there:6379")
    assert not (home / "unused").exists()
    assert not servers.is_embedded(given)
    assert servers.notice(given) == ""


def test_with_a_named_database_only_valkey_is_started(home: Path, client: Start) -> None:
    endpoints = served(client(home / "half", database_url="postgres://someone@localhost/db"))

    assert endpoints.database_url == "postgresql+psycopg://someone@localhost/db"
    assert valkey(endpoints).ping()
    assert not (home / "half" / "postgres").exists()


def test_an_unprivileged_user_runs_everything_as_itself(home: Path, client: Start) -> None:
    private = home / "unprivileged"
    private.mkdir(mode=0o700)
    os.chown(private, UNPRIVILEGED, UNPRIVILEGED)

    served(client(private / "data", before=unprivileged()))

    assert {each.uids().effective for each in processes(private / "data")} == {UNPRIVILEGED}
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert stat.S_IMODE((private / "data").stat().st_mode) == 0o700


def test_root_lets_the_servers_through_and_gives_no_other_right(home: Path) -> None:
    private = home / "private"
    private.mkdir(mode=0o700)

    with servers.embedded(private / "data"):
        owners = {each.uids().effective for each in processes(private / "data", "postgres")}

    assert owners == {UNPRIVILEGED}
    assert stat.S_IMODE(private.stat().st_mode) == (0o700 if os.geteuid() else 0o701)
    assert stat.S_IMODE((private / "data" / "postgres").stat().st_mode) == 0o700


def test_a_directory_of_somebody_else_is_refused_in_words(home: Path, client: Start) -> None:
    foreign = home / "foreign"
    foreign.mkdir(mode=0o555)

    process = client(foreign / "data", before=unprivileged())

    _, told = process.communicate()
    assert process.returncode == 1
    assert "name another by TUTORMAX_DATA_DIR" in told
