"""Everything that a storm may strike: servers of its own, workers, schedulers, a publisher and an exporter."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import redis
from sqlalchemy import Engine, make_url, text

from tests.faults.harness import free_port
from tests.faults.storm import actors
from tests.faults.storm.proxy import Proxy
from tests.surroundings import environment
from tutormax import db, schema
from tutormax.broker import Queue
from tutormax.populations import Population
from tutormax.servers.account import account_for
from tutormax.servers.place import place_of
from tutormax.servers.postgres import postgres
from tutormax.servers.program import Program, start, stop
from tutormax.servers.valkey import valkey

LEASE_SECONDS = 3.0
RING_AGAIN_SECONDS = 2.0
WORKERS = 3
THREADS = 3
WATCH_SECONDS = 0.1
STOP_SECONDS = 20.0

ACTORS = "tests.faults.storm.actors"


class Server:
    """A server that can be killed, frozen and started again."""

    def __init__(self, program: Program) -> None:
        self.program = program
        # Linux ends a server with the thread that started it: this one lives as long as the storm.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix=program.name)
        self.process = self._starter.submit(start, program).result()
        self.lock = threading.Lock()

    def again(self) -> None:
        """Start it again."""
        self.process = self._starter.submit(start, self.program).result()

    def end(self, number: signal.Signals) -> None:
        """End it by a signal."""
        self.process.send_signal(number)
        self.process.wait()

    def everybody(self) -> list[psutil.Process]:
        """Return its processes."""
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        return []


@dataclass(slots=True)
class Child:
    """One process of ours, and when it was killed on purpose."""

    name: str
    command: list[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    stopping: bool = False


@dataclass(frozen=True, slots=True)
class Death:
    """A process that was killed: by the clock of this machine."""

    pid: int
    at: float


@dataclass(slots=True)
class Cluster:
    """The running system."""

    directory: Path
    database: Server
    cache: Server
    database_proxy: Proxy
    redis_proxy: Proxy
    database_url: str
    exporter_port: int
    engine: Engine
    children: dict[str, Child] = field(default_factory=dict)
    deaths: list[Death] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def models(self) -> Path:
        """Where models are published."""
        return self.directory / "models" / Population.SYNTHETIC

    def client(self) -> redis.Redis:
        """Return a connection to Redis around the proxy."""
        return redis.Redis.from_url(self.cache.program.url, socket_timeout=5)

    def add(self, name: str, *command: str, **environment: str) -> None:
        """Start a process, and again whenever it ends."""
        arguments = [sys.executable, "-m", *command]
        self.children[name] = Child(name, arguments, environment, self._started(name, arguments, environment))

    def _started(self, name: str, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self.directory / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command, env=os.environ | environment, stdout=log, stderr=log, start_new_session=True
            )

    def watch(self) -> None:
        """Start again what has ended, until the storm is over."""
        while not self.over.wait(WATCH_SECONDS):
            for child in self.children.values():
                if child.process.poll() is not None and not self.over.is_set():
                    # What a killed master left behind would go on.
                    kill_group(child.process.pid)
                    child.process = self._started(child.name, child.command, child.environment)

    def named(self, prefix: str) -> list[Child]:
        """Return the processes of one kind."""
        return [child for name, child in sorted(self.children.items()) if name.startswith(prefix)]

    def died(self, *processes: psutil.Process) -> None:
        """Remember whom we kill, and when."""
        self.deaths += [Death(process.pid, time.time()) for process in processes]

    def ask(self, statement: str, **bound: object) -> object:
        """Return the one value that a statement answers."""
        with self.engine.connect() as connection:
            return connection.execute(text(statement), bound).scalar()

    def stop(self) -> dict[str, int]:
        """Stop everything as an operator would; return the exit codes."""
        self.over.set()
        for child in self.children.values():
            with suppress(ProcessLookupError):
                child.process.terminate()
        end = time.monotonic() + STOP_SECONDS
        codes = {}
        for child in self.children.values():
            try:
                codes[child.name] = child.process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                kill_group(child.process.pid)
                codes[child.name] = child.process.wait()
        return codes


def kill_group(pid: int) -> None:
    """Kill a process and all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


@contextmanager
def cluster(directory: Path, *, plant: str | None = None, stock: bool = False) -> Iterator[Cluster]:
    """Run everything; this process is one of its clients, through the proxies."""
    with ExitStack() as stack:
        place = place_of(directory)
        account = account_for(place.data_dir)
        sockets = place.make_sockets()
        account.give(sockets)
        stack.callback(place.remove_sockets, sockets)
        database = Server(postgres(place.data_dir, sockets, account))
        stack.callback(lambda: stop(database.program, database.process))
        cache = Server(valkey(place.data_dir, sockets, account))
        stack.callback(lambda: stop(cache.program, cache.process))
        # The cluster's own socket, and beside it one that can be cut.
        behind = sockets / "p"
        behind.mkdir()
        database_proxy = Proxy(behind / ".s.PGSQL.5432", sockets / ".s.PGSQL.5432")
        redis_port = free_port()
        redis_proxy = Proxy(redis_port, sockets / "valkey.sock")
        proxied = make_url(database.program.url).set(query={"host": str(behind)})
        made = Cluster(
            place.data_dir,
            database,
            cache,
            database_proxy,
            redis_proxy,
            proxied.render_as_string(hide_password=False),
            free_port(),
            db.connect(database.program.url, application="storm"),
        )
        stack.callback(made.engine.dispose)
        (directory / "models" / Population.SYNTHETIC).mkdir(parents=True)
        with environment(**settings_of(made, redis_port, plant)):
            _prepare(made)
            _start(made, database.program.url, stock=stock)
            watcher = threading.Thread(target=made.watch, name="watcher")
            watcher.start()
            stack.callback(watcher.join)
            stack.callback(made.stop)
            yield made


def settings_of(made: Cluster, redis_port: int, plant: str | None) -> dict[str, str]:
    """Return the environment of the storm."""
    return {
        "DATABASE_URL": made.database_url,
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        "TUTORMAX_METRICS_PORTS": f"{free_port()}-65000",
        "TUTORMAX_EXPORTER_PORT": str(made.exporter_port),
        "TUTORMAX_JOB_LEASE_SECONDS": f"{LEASE_SECONDS:g}",
        "TUTORMAX_RING_AGAIN_SECONDS": f"{RING_AGAIN_SECONDS:g}",
        "WORKER_RETRY_BACKOFF": "0.5",
        "TUTORMAX_LOG_JSON": "true",
        "TUTORMAX_LOG_LEVEL": "WARNING",
        "STORM_MODELS": str(made.models.parent),
        "STORM_PLANT": plant or "",
    }


def _prepare(made: Cluster) -> None:
    with made.engine.begin() as connection:
        schema.upgrade(connection)
    with made.engine.begin() as connection:
        connection.exec_driver_sql(actors.TABLES)


def _start(made: Cluster, direct: str, *, stock: bool) -> None:
    served = "tests.faults.storm.stock" if stock else ACTORS
    for number in range(WORKERS):
        # The first one is behind the proxy, the others reach PostgreSQL directly. It has one queue, so it takes leases
        # beforehand.
        reached = {} if number == 0 else {"DATABASE_URL": direct}
        queues = ("-Q", Queue.DEFAULT) if number == 0 and not stock else ()
        made.add(f"worker {number}", "dramatiq", served, "-p", "1", "-t", str(THREADS), *queues, **reached)
    if stock:
        return
    for number in range(2):
        made.add(f"scheduler {number}", "tests.faults.storm.scheduler", DATABASE_URL=direct)
    made.add("publisher", "tests.faults.storm.publisher", DATABASE_URL=direct)
    made.add("exporter", "tutormax.exporter", DATABASE_URL=direct)


def eventually(holds: Callable[[], bool], seconds: float) -> bool:
    """Wait until something holds; tell whether it came to hold in time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True
