"""`python -m tests.benchmarks.scale`: what more hosts would do, simulated with the costs that were measured.

A job visits Redis, a core of a worker's host, PostgreSQL for its lease, its own work, and both again to complete; each
is a station with some servers that serve in order of arrival. The costs are those of `deploy/benchmark.json`; that they
stay the same on more cores is assumed, not measured.
"""

import heapq
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks import sizes
from tests.benchmarks.goals import Measured
from tests.benchmarks.measure import quantile
from tests.benchmarks.published import kept
from tests.benchmarks.sheets import Aspect
from tutormax.windows import QUARTER_HOUR

HOSTS = (1, 3, 10, 30, 100)
TUTORS = (1_500, 15_000, 150_000, 1_500_000)
HOST_CORES, POSTGRES_CORES = 8, 32
# Of what the narrowest station could serve; above that, waiting grows without bound.
LOAD = 0.8
JOBS = 20_000
WORK_SECONDS = 0.010
JOBS_OF_TWO = "TutorMax: no-op jobs, 2 x 8, "


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU seconds of one no-op job, on the worker's host and in the servers, and the bytes of WAL that it writes."""

    worker_seconds: float
    postgres_seconds: float
    redis_seconds: float
    wal_bytes: float

    @classmethod
    def measured(cls) -> "Costs":
        """Return the published ones."""
        figures: Mapping[str, Any] = {figure["name"]: figure for result in kept() for figure in result["figures"]}
        worker, servers, redis = (
            figures[f"{JOBS_OF_TWO}CPU of {whose}"]["value"] / 1e6 for whose in ("the workers", "the servers", "Redis")
        )
        return cls(worker, servers - redis, redis, figures[JOBS_OF_TWO + "WAL"]["value"])


@dataclass
class Station:
    """Some servers that serve whoever came first; the time that one service takes is exponential around its mean."""

    name: str
    servers: int
    seconds: float
    visits: int
    free_at: list[float] = field(default_factory=list)
    busy: float = 0.0

    @property
    def capacity(self) -> float:
        """Jobs a second that it could serve at most."""
        return self.servers / (self.seconds * self.visits)

    def serve(self, at: float, chance: random.Random) -> float:
        """Return when somebody who comes at a time has been served."""
        if len(self.free_at) < self.servers:
            self.free_at = [0.0] * self.servers
        taken = chance.expovariate(1 / self.seconds)
        ended = max(at, heapq.heappop(self.free_at)) + taken
        heapq.heappush(self.free_at, ended)
        self.busy += taken
        return ended


@dataclass(frozen=True, slots=True)
class Outlook:
    """What some hosts would do."""

    hosts: int
    jobs_per_second: float
    narrowest: Sequence[str]
    start_p50_ms: float
    start_p99_ms: float
    wal_mb_per_second: float


def stations(costs: Costs, hosts: int) -> list[Station]:
    """Return the stations of a system with some hosts, each visited twice but Redis."""
    return [
        # It does everything on one core.
        Station("Redis", 1, costs.redis_seconds, visits=1),
        Station("workers", hosts * HOST_CORES, costs.worker_seconds / 2, visits=2),
        Station("PostgreSQL", POSTGRES_CORES, costs.postgres_seconds / 2, visits=2),
    ]


def simulate(costs: Costs, hosts: int, *, seed: int = 7) -> Outlook:
    """Let jobs arrive at random at a share of what the narrowest station can serve."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    redis, workers, postgres = everything = stations(costs, hosts)
    ordered = sorted(everything, key=lambda station: station.capacity)
    rate = LOAD * ordered[0].capacity
    route = [redis, workers, postgres, None, workers, postgres]
    arrivals, at = [], 0.0
    for number in range(JOBS):
        at += chance.expovariate(rate)
        arrivals.append((at, number, 0))
    came = {number: when for when, number, _ in arrivals}
    heapq.heapify(arrivals)
    starts = []
    while arrivals:
        now, number, step = heapq.heappop(arrivals)
        station = route[step]
        if station is None:
            starts.append(now - came[number])
        left = now + WORK_SECONDS if station is None else station.serve(now, chance)
        if step + 1 < len(route):
            heapq.heappush(arrivals, (left, number, step + 1))
    return Outlook(
        hosts,
        rate,
        [station.name for station in ordered],
        1000 * quantile(starts, 0.5),
        1000 * quantile(starts, 0.99),
        rate * costs.wal_bytes / 1e6,
    )


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Seconds of one tutor: by the clock for each quarter hour, and CPU for each scoring of everybody."""

    tick_seconds: float
    scoring_seconds: float

    @classmethod
    def measured(cls) -> "Upkeep":
        """Return those of the largest marketplace that was published."""
        figures = [figure for result in kept() for figure in result["figures"]]

        def of(stage: Measured, aspect: Aspect) -> float:
            known = [each for each in figures if (each.get("stage"), each.get("aspect")) == (stage, aspect)]
            largest: float = max(known, key=lambda figure: sizes.SIZES[figure["size"]].tutors)["value"]
            return largest / 1000

        # One statement on one core, which also waits for disks; scoring is spread over as many as there are.
        return cls(of(Measured.EVALUATION_TICK, Aspect.A_TUTOR), of(Measured.SCORING_BY_WORKERS, Aspect.CPU_A_TUTOR))

    @property
    def most_tutors(self) -> float:
        """For how many tutors a tick, one statement on one core, takes all of its quarter hour."""
        return QUARTER_HOUR.total_seconds() / self.tick_seconds


def main() -> None:
    """Print the outlook for some numbers of hosts, and for some numbers of tutors."""
    _print_hosts()
    _print_tutors()


def _print_tutors() -> None:
    upkeep = Upkeep.measured()
    table = Table(box=None, header_style="bold")
    for column in ("tutors", "sessions a day", "a tick", "of its quarter hour", "CPU to score all"):
        table.add_column(column, justify="right")
    for tutors in TUTORS:
        tick = tutors * upkeep.tick_seconds
        table.add_row(
            f"{tutors:,}",
            f"{2 * tutors:,}",
            f"{tick:,.1f} s",
            f"{tick / QUARTER_HOUR.total_seconds():.2%}",
            f"{tutors * upkeep.scoring_seconds:,.0f} s",
        )
    Console(width=120).print(table)
    sys.stdout.write(f"a tick takes all of its quarter hour for {upkeep.most_tutors:,.0f} tutors\n")


def _print_hosts() -> None:
    costs = Costs.measured()
    table = Table(box=None, header_style="bold")
    for column in ("hosts", "jobs/s", "narrowest first", "start p50", "p99", "WAL"):
        table.add_column(column, justify="left" if column == "narrowest first" else "right")
    for hosts in HOSTS:
        seen = simulate(costs, hosts)
        table.add_row(
            f"{seen.hosts}",
            f"{seen.jobs_per_second:,.0f}",
            ", ".join(seen.narrowest),
            f"{seen.start_p50_ms:.1f} ms",
            f"{seen.start_p99_ms:.1f} ms",
            f"{seen.wal_mb_per_second:.1f} MB/s",
        )
    Console(width=120).print(table)
    worker_us, postgres_us = 1e6 * costs.worker_seconds, 1e6 * costs.postgres_seconds
    sys.stdout.write(
        f"hosts of {HOST_CORES} cores, PostgreSQL of {POSTGRES_CORES}; a no-op job costs {worker_us:.0f} us there,"
        f" {postgres_us:.0f} us here and {costs.wal_bytes:.0f} bytes of WAL;"
        f" at {LOAD:.0%} of what the narrowest serves\n"
    )


if __name__ == "__main__":
    main()
