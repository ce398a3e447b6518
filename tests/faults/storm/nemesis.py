"""The nemesis: strikes as planned, undoes what is to be undone, and keeps the timeline."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psutil
import redis
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from tests.faults.storm import cluster as clusters
from tests.faults.storm.cluster import Child, Cluster, Server
from tests.faults.storm.plan import Fault, Kill, Strike
from tests.faults.storm.producer import Producer
from tests.faults.storm.proxy import Proxy, Weather

FORGED_AT_ONCE = 200
FREEZE_SECONDS = 2 * clusters.LEASE_SECONDS + 1


@dataclass(frozen=True, slots=True)
class Struck:
    """One line of the timeline."""

    number: int
    at_seconds: float
    accepted: int
    what: str
    told: str


@dataclass(slots=True)
class Nemesis:
    """Strikes when the load has come so far."""

    cluster: Cluster
    producer: Producer
    strikes: Sequence[Strike]
    tell: Callable[[Struck], None]
    timeline: list[Struck] = field(default_factory=list)
    outages: list[tuple[float, float]] = field(default_factory=list)
    started_at: float = field(default_factory=time.monotonic)
    running: list[threading.Thread] = field(default_factory=list)

    def run(self) -> None:
        """Strike everything, each when its share of the load is sent; return when all is undone."""
        for strike in self.strikes:
            while self.producer.share() < strike.share and not self.producer.given_up():
                time.sleep(0.02)
            thread = threading.Thread(target=self._strike, args=(strike,), name=f"strike {strike.number}")
            thread.start()
            self.running.append(thread)
        for thread in self.running:
            thread.join()

    def _strike(self, strike: Strike) -> None:
        began = time.time()
        struck = Struck(
            strike.number, time.monotonic() - self.started_at, len(self.producer.books.accepted), strike.what, ""
        )
        try:
            told = self._act(strike)
        except (psutil.Error, ProcessLookupError, SQLAlchemyError, redis.RedisError, OSError) as error:
            # What it was to strike is gone already, or down.
            told = f"met {type(error).__name__}"
        if isinstance(strike.what, Fault) and strike.what.name.startswith(("REDIS", "POSTGRES", "SCHEDULER")):
            self.outages.append((began, time.time()))
        done = Struck(struck.number, struck.at_seconds, struck.accepted, strike.what, told)
        self.timeline.append(done)
        self.tell(done)

    def _act(self, strike: Strike) -> str:
        if isinstance(strike.what, Kill):
            return self._kill(strike)
        return str(getattr(self, f"_{strike.what.name.lower()}")(strike) or "")

    def _kill(self, strike: Strike) -> str:
        prefix = {Kill.SCHEDULER: "scheduler", Kill.PUBLISHER: "publisher", Kill.EXPORTER: "exporter"}
        kind = prefix.get(strike.what, "worker") if isinstance(strike.what, Kill) else "worker"
        child = self._one(kind, strike)
        master = psutil.Process(child.process.pid)
        below = master.children(recursive=True)
        self.cluster.died(*(below if strike.what is not Kill.WORKER_MASTER else []), master)
        match strike.what:
            case Kill.WORKER_CHILD if below:
                below[-1].kill()
            case Kill.WORKER_MASTER:
                master.kill()
            case _:
                clusters.kill_group(child.process.pid)
        return f"{child.name}, {1 + len(below)} processes"

    def _one(self, kind: str, strike: Strike) -> Child:
        there = self.cluster.named(kind)
        return there[strike.target % len(there)]

    def _worker_stopped(self, strike: Strike) -> str:
        child = self._one("worker", strike)
        child.process.terminate()
        began = time.monotonic()
        with suppress(subprocess.TimeoutExpired):
            child.process.wait(30)
        return f"{child.name}, {time.monotonic() - began:.1f} s"

    def _worker_stopped_twice(self, strike: Strike) -> str:
        child = self._one("worker", strike)
        child.process.terminate()
        time.sleep(0.2)
        child.process.terminate()
        return child.name

    def _worker_frozen(self, strike: Strike) -> str:
        return self._freeze_child(self._one("worker", strike))

    def _scheduler_frozen(self, strike: Strike) -> str:
        return self._freeze_child(self._one("scheduler", strike))

    def _freeze_child(self, child: Child) -> str:
        pid = child.process.pid
        os.killpg(pid, signal.SIGSTOP)
        time.sleep(FREEZE_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGCONT)
        return child.name

    def _redis_flushed(self, _: Strike) -> str:
        client = self.cluster.client()
        held = client.dbsize()
        client.flushall()
        return f"{held} keys"

    def _redis_killed(self, strike: Strike) -> str:
        return self._restart(self.cluster.cache, signal.SIGKILL, 3 * strike.strength)

    def _redis_lost(self, strike: Strike) -> str:
        def forget() -> None:
            for file in Path(self.cluster.cache.program.directory).rglob("*"):
                if file.is_file():
                    file.unlink()

        return self._restart(self.cluster.cache, signal.SIGKILL, 3 * strike.strength, forget)

    def _postgres_crashed(self, strike: Strike) -> str:
        return self._restart(self.cluster.database, signal.SIGQUIT, 2 * strike.strength)

    @staticmethod
    def _restart(
        server: Server, how: signal.Signals, seconds: float, meanwhile: Callable[[], None] | None = None
    ) -> str:
        with server.lock:
            began = time.monotonic()
            server.end(how)
            time.sleep(seconds)
            if meanwhile is not None:
                meanwhile()
            server.again()
            return f"{time.monotonic() - began:.1f} s"

    def _redis_frozen(self, strike: Strike) -> str:
        return self._freeze(self.cluster.cache, 3 + 4 * strike.strength)

    def _postgres_frozen(self, strike: Strike) -> str:
        return self._freeze(self.cluster.database, 2 + 4 * strike.strength)

    @staticmethod
    def _freeze(server: Server, seconds: float) -> str:
        with server.lock:
            frozen = server.everybody()
            _signal(frozen, signal.SIGSTOP)
            time.sleep(seconds)
            _signal(frozen, signal.SIGCONT)
        return f"{seconds:.1f} s"

    def _redis_paused(self, _: Strike) -> None:
        self._command("CLIENT", "PAUSE", 3000, "ALL")
        time.sleep(3)

    def _redis_disconnects(self, _: Strike) -> str:
        return f"{self._command('CLIENT', 'KILL', 'TYPE', 'normal')} connections"

    def _redis_read_only(self, strike: Strike) -> None:
        with self.cluster.cache.lock:
            self._command("REPLICAOF", "127.0.0.1", "1")
            time.sleep(1 + 2 * strike.strength)
            self._command("REPLICAOF", "NO", "ONE")

    def _command(self, *words: str | int) -> object:
        return self.cluster.client().execute_command(*words)  # type: ignore[no-untyped-call]  # redis leaves it untyped

    def _redis_full(self, strike: Strike) -> None:
        with self.cluster.cache.lock:
            self.cluster.client().config_set("maxmemory", "1mb")
            time.sleep(1 + 2 * strike.strength)
            self.cluster.client().config_set("maxmemory", "0")

    def _postgres_backend_killed(self, strike: Strike) -> str:
        # The others are sent home and the server recovers by itself; a start of ours must not come in between.
        with self.cluster.database.lock:
            clients = [each for each in self.cluster.database.everybody() if "idle" in " ".join(each.cmdline())]
            if clients:
                clients[strike.target % len(clients)].kill()
            clusters.eventually(self._database_answers, 30)
        return f"one of {len(clients)}"

    def _database_answers(self) -> bool:
        try:
            return self.cluster.ask("select 1") == 1
        except SQLAlchemyError:
            return False

    def _postgres_terminates(self, _: Strike) -> str:
        others = "select count(pg_terminate_backend(pid)) from pg_stat_activity where pid <> pg_backend_pid()"
        return f"{self.cluster.ask(others + ' and backend_type = :type', type='client backend')} connections"

    def _postgres_locked(self, strike: Strike) -> None:
        with self.cluster.engine.begin() as connection:
            connection.execute(text("lock table jobs in access exclusive mode"))
            time.sleep(1 + 3 * strike.strength)

    def _postgres_read_only(self, strike: Strike) -> None:
        with self.cluster.database.lock:
            self._read_only("on")
            time.sleep(1 + 2 * strike.strength)
            self._read_only("off")

    def _read_only(self, value: str) -> None:
        engine = self.cluster.engine.execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("set default_transaction_read_only = off"))
            connection.execute(text(f"alter database tutormax set default_transaction_read_only = {value}"))
            connection.execute(
                text(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where pid <> pg_backend_pid() and backend_type = 'client backend'"
                )
            )

    def _redis_cut(self, strike: Strike) -> None:
        self._under(self.cluster.redis_proxy, Weather.CUT, 1 + 3 * strike.strength)

    def _redis_hole(self, strike: Strike) -> None:
        self._under(self.cluster.redis_proxy, Weather.HOLE, 3 + 4 * strike.strength)

    def _redis_slow(self, strike: Strike) -> None:
        self._under(self.cluster.redis_proxy, Weather.SLOW, 2 + 3 * strike.strength)

    def _postgres_cut(self, strike: Strike) -> None:
        self._under(self.cluster.database_proxy, Weather.CUT, 1 + 2 * strike.strength)

    @staticmethod
    def _under(proxy: Proxy, weather: Weather, seconds: float) -> None:
        proxy.set(weather)
        time.sleep(seconds)
        proxy.set(Weather.FAIR)

    def _commit_unanswered(self, _: Strike) -> None:
        self.cluster.database_proxy.lose_the_answer_to(b"COMMIT")

    def _ring_unanswered(self, _: Strike) -> None:
        self.cluster.redis_proxy.lose_the_answer_to(b"PUSH")

    def _poison(self, _: Strike) -> None:
        self.producer.poison()

    def _burst(self, _: Strike) -> str:
        return f"{self.producer.burst()} jobs"

    def _malformed(self, _: Strike) -> None:
        client = self.cluster.client()
        for queue in self.producer.lists:
            client.rpush(queue, *forged())


def forged() -> list[bytes]:
    """Return messages that are none, each wrong in another way."""
    good = (
        b'{"queue_name":"default","actor_name":"plain","args":["%s"],"kwargs":{},"options":%s,'
        b'"message_id":"m","message_timestamp":1}'
    )
    some_id = str(uuid4()).encode()
    kinds = [
        b"",
        b"\xff\xfe\x00",
        b"null",
        b"[" * 3000,
        b'{"queue_name":',
        b"x" * 100_000,
        good % (some_id, b'{"time_limit": 1}'),
        good % (some_id, b'{"pipe_target": {}}'),
        good.replace(b"default", b"other") % (some_id, b"{}"),
        good.replace(b"plain", b"os.system") % (some_id, b"{}"),
        good % (b"not an id", b"{}"),
        # In form, but of no job.
        good % (some_id, b"{}"),
    ]
    return [kinds[number % len(kinds)] for number in range(FORGED_AT_ONCE)]


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
