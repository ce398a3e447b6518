"""Job engines in one run: how many no-op and 10 ms jobs they drain, what a job costs, and how soon one starts.

Every engine is started as its documentation says and stands still while jobs are sent, so that what is timed is the
draining alone; the rounds of all engines are interleaved. Whoever of them is not installed is left out, and said so.
"""

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

from sqlalchemy import text

from tests.benchmarks.costs import Family, server
from tests.benchmarks.engines.engine import Engine, Task
from tests.benchmarks.engines.marks import client, heard
from tests.benchmarks.engines.ours import QUEUE, TutorMax
from tests.benchmarks.measure import Figure, median, milliseconds
from tests.benchmarks.relaying import relaying
from tutormax import db

OTHERS: Mapping[str, str] = {
    "stock_dramatiq": "StockDramatiq",
    "celery_redis": "CeleryRedis",
    "procrastinate_postgres": "Procrastinate",
}
THREADS = 8
ROUNDS = int(os.environ.get("ROUNDS", "5"))
DRAINED: Mapping[Task, int] = {Task.NOTHING: 2000, Task.WAIT: 300}
IDLE, IDLE_GAP_SECONDS = 60, 0.1
SILENT, SILENT_GAP_SECONDS = 5, 3.0
INSERTED = 10_000
# At least so many times what another drains in the same run.
GOALS: Mapping[str, float] = {"Celery": 1.0, "Procrastinate": 1.4, "Dramatiq": 0.5}


def figures() -> Iterator[Figure]:
    """Measure with one and with two worker processes of eight threads."""
    engines = [TutorMax(), *_others()]
    with relaying([QUEUE]):
        for processes in (1, 2):
            with started(engines, processes):
                for task in DRAINED:
                    yield from drained(engines, task, processes)
                if processes == 1:
                    yield from _starts(engines)
        yield inserted(engines[0])


def _others() -> Iterator[Engine]:
    for module, name in OTHERS.items():
        try:
            yield getattr(import_module(f"tests.benchmarks.engines.{module}"), name)()
        except ModuleNotFoundError as error:
            sys.stderr.write(f"left out, not installed: {error.name}\n")


@contextmanager
def started(engines: Sequence[Engine], processes: int) -> Iterator[None]:
    """Start the workers of all engines, and see each do some jobs; end them afterwards."""
    with ExitStack() as stack:
        for engine in engines:
            engine.start(processes, THREADS)
            stack.callback(engine.stop)
        for engine in engines:
            engine.send(Task.NOTHING, 100)
            _wait_for(engine)
        yield
        # Whoever is killed with a message in hand leaves it to nobody for minutes.
        for engine in engines:
            _wait_for(engine)


def _wait_for(engine: Engine) -> None:
    # Seldom enough not to take the servers' time from those who are measured.
    while engine.left():
        time.sleep(0.05)


def drained(engines: Sequence[Engine], task: Task, processes: int) -> Iterator[Figure]:
    """Measure in interleaved rounds how fast the first engine and the others drain the same jobs, and at which cost."""
    count = DRAINED[task]
    rounds: dict[str, list[_Round]] = {engine.name: [] for engine in engines}
    for _ in range(ROUNDS):
        for engine in engines:
            rounds[engine.name].append(_round(engine, task, count))
    what = f"{'no-op' if task is Task.NOTHING else '10 ms'} jobs, {processes} x {THREADS}"
    for name, taken in rounds.items():
        yield median(f"{name}: {what}, drained", [each.rate for each in taken], "jobs/s", more_is_better=True)
        yield median(f"{name}: {what}, CPU of the workers", [each.workers_us for each in taken], "us")
        yield median(f"{name}: {what}, CPU of the servers", [each.servers_us for each in taken], "us")
        yield median(f"{name}: {what}, CPU of Redis", [each.redis_us for each in taken], "us")
    ours = rounds[engines[0].name]
    yield median(f"{engines[0].name}: {what}, WAL", [each.wal_bytes for each in ours], "bytes")
    for engine in engines[1:]:
        ratios = [mine.rate / theirs.rate for mine, theirs in zip(ours, rounds[engine.name], strict=True)]
        # Celery has processes only, so one of them is no match for eight threads.
        goal = GOALS[engine.name] if task is Task.NOTHING and processes == 2 else None
        yield median(f"{what}: TutorMax to {engine.name}", ratios, "x", goal=goal, more_is_better=True)


@dataclass(frozen=True, slots=True)
class _Round:
    """What draining some jobs took: jobs a second, and microseconds and bytes a job."""

    rate: float
    workers_us: float
    servers_us: float
    redis_us: float
    """Of sending, too: a doorbell is pushed before it is popped."""
    wal_bytes: float


def _round(engine: Engine, task: Task, count: int) -> _Round:
    engine.pause()
    redis = _redis().cpu_seconds()
    engine.send(task, count)
    family = Family(tuple(engine.groups()))
    workers, servers, wal, began = family.cpu_seconds(), _servers().cpu_seconds(), _wal_bytes(), time.perf_counter()
    engine.go_on()
    _wait_for(engine)
    return _Round(
        rate=count / (time.perf_counter() - began),
        workers_us=1e6 * (family.cpu_seconds() - workers) / count,
        servers_us=1e6 * (_servers().cpu_seconds() - servers) / count,
        redis_us=1e6 * (_redis().cpu_seconds() - redis) / count,
        wal_bytes=(_wal_bytes() - wal) / count,
    )


@lru_cache
def _servers() -> Family:
    """Return our PostgreSQL and Redis: others of their kind may run on this machine."""
    return Family((*server().roots, *_redis().roots))


@lru_cache
def _redis() -> Family:
    told: Any = client().info("server")
    return Family((int(told["process_id"]),))


def _wal_bytes() -> float:
    with db.transaction() as connection:
        return float(connection.execute(text("select pg_current_wal_lsn() - '0/0'::pg_lsn")).scalar_one())


def _starts(engines: Sequence[Engine]) -> Iterator[Figure]:
    for engine in engines:
        goals = (8.0, 25.0, 15.0, 50.0) if isinstance(engine, TutorMax) else (None,) * 4
        idle = [_start_seconds(engine, IDLE_GAP_SECONDS) for _ in range(IDLE)]
        yield milliseconds(f"{engine.name}: from sending to the first line, p50", idle, 0.5, goal=goals[0])
        yield milliseconds(f"{engine.name}: from sending to the first line, p99", idle, 0.99, goal=goals[1])
        silent = [_start_seconds(engine, SILENT_GAP_SECONDS) for _ in range(SILENT)]
        yield milliseconds(f"{engine.name}: the same after 3 s of silence, p50", silent, 0.5, goal=goals[2])
        yield milliseconds(f"{engine.name}: the same after 3 s of silence, longest", silent, 1.0, goal=goals[3])


def _start_seconds(engine: Engine, gap_seconds: float) -> float:
    time.sleep(gap_seconds)
    sent = time.time()
    engine.send(Task.TELL, 1)
    return heard() - sent


def inserted(engine: Engine) -> Figure:
    """Measure how fast jobs are sent in bulk."""
    rates = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        engine.send(Task.NOTHING, INSERTED)
        rates.append(INSERTED / (time.perf_counter() - began))
    return median(f"{engine.name}: jobs inserted in one transaction", rates, "jobs/s", goal=20_000, more_is_better=True)
