"""One storm from the first job to the verdict."""

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from tests.faults.storm import oracle, plan
from tests.faults.storm.cluster import LEASE_SECONDS, Cluster, cluster, eventually
from tests.faults.storm.nemesis import Nemesis, Struck
from tests.faults.storm.oracle import Counts, Violation
from tests.faults.storm.producer import Producer
from tutormax import broker

QUIET_SECONDS = 300.0
LOOK_SECONDS = 5.0
PROOF_SECONDS = 5.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Terms:
    """How much, for how long, and drawn from which seed."""

    seed: int
    jobs: int
    kills: int
    faults: int
    seconds: float
    plant: str | None = None
    # Without faults in which Redis loses what it held.
    gentle: bool = False


@dataclass(frozen=True, slots=True)
class Restarts:
    """How long killed jobs waited for their next start; calm: no server was struck meanwhile."""

    all_seconds: Sequence[float] = ()
    calm_seconds: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a storm."""

    terms: Terms
    counts: Counts
    violations: Sequence[Violation]
    timeline: Sequence[Struck]
    restarts: Restarts
    load_seconds: float
    quiet_seconds: float
    peaks: dict[str, float] = field(default_factory=dict)


class Watch(threading.Thread):
    """Looks every few seconds at what may not be wrong even for a moment."""

    def __init__(self, running: Cluster) -> None:
        super().__init__(name="watch", daemon=True)
        self.cluster = running
        self.violations: list[Violation] = []
        self.peaks: dict[str, float] = {}
        self.over = threading.Event()

    def run(self) -> None:
        """Look until told to stop."""
        while not self.over.wait(LOOK_SECONDS):
            self._measure()
            try:
                with self.cluster.engine.connect() as connection:
                    connection.execute(text("set statement_timeout = '5s'"))
                    self.violations += oracle.doubled_grants(connection)
                    self.violations += oracle.whole_models(connection, self.cluster.models)
            except SQLAlchemyError:
                # The database is what is being struck.
                continue

    def _measure(self) -> None:
        for child in self.cluster.named("worker"):
            try:
                for process in psutil.Process(child.process.pid).children(recursive=True):
                    self._peak("threads of a worker", process.num_threads())
                    self._peak("open files of a worker", process.num_fds())
                    self._peak("MB of a worker", process.memory_info().rss / 1e6)
            except psutil.Error:
                continue

    def _peak(self, what: str, value: float) -> None:
        self.peaks[what] = max(self.peaks.get(what, 0.0), value)


def run(terms: Terms, tell: Tell) -> Verdict:
    """Run a storm and judge it."""
    # Not below pytest's own directory: under root the servers are another user.
    with (
        tempfile.TemporaryDirectory(prefix="tutormax-storm-") as directory,
        cluster(Path(directory), plant=terms.plant) as running,
        # Whatever this process rings afterwards is rung elsewhere.
        closing(broker.install()),
    ):
        producer = Producer(terms.seed, terms.jobs, terms.seconds, lambda: _waiting(running))
        strikes = plan.plan(terms.seed, kills=terms.kills, faults=terms.faults, gentle=terms.gentle)
        nemesis = Nemesis(running, producer, strikes, lambda struck: tell(line_of(struck)))
        watch = Watch(running)
        watch.start()
        began = time.monotonic()
        load = threading.Thread(target=producer.run, name="load", daemon=True)
        load.start()
        nemesis.run()
        load.join()
        load_seconds = time.monotonic() - began
        eventually(lambda: _is_quiet(running), QUIET_SECONDS)
        quiet_seconds = time.monotonic() - began - load_seconds
        # Doorbells of jobs that are done are answered in a moment.
        eventually(lambda: not list(oracle._quiet(running)), 20.0)  # noqa: SLF001 - of this package
        watch.over.set()
        watch.join()
        violations, counts = oracle.judge(running, producer.books)
        if producer.share() < 1:
            violations.append(Violation("I8", f"only {producer.share():.0%} of the load was taken"))
        return Verdict(
            terms,
            counts,
            [*watch.violations, *violations],
            nemesis.timeline,
            restarts(running, nemesis.outages),
            load_seconds,
            quiet_seconds,
            watch.peaks,
        )


def _waiting(running: Cluster) -> int:
    return int(
        str(
            running.ask(
                "select count(*) from jobs where state in ('pending', 'running') and requested_by not like 'schedule:%'"
            )
        )
    )


def _is_quiet(running: Cluster) -> bool:
    try:
        return _waiting(running) == 0
    except SQLAlchemyError:
        return False


def restarts(running: Cluster, outages: Sequence[tuple[float, float]]) -> Restarts:
    """Return how long each job that a kill interrupted waited for its next start."""
    statement = text(
        "select extract(epoch from after.at)::float as at, extract(epoch from before.at)::float as began"
        " from grants before join grants after using (job_id)"
        " where after.fence = before.fence + 1 and after.recoveries = before.recoveries + 1"
        " and before.worker like '%:' || :pid and before.at < to_timestamp(:killed)"
        " and after.at > to_timestamp(:killed) and before.at > to_timestamp(:killed) - interval '1 minute'"
    )
    everything, calm = [], []
    with running.engine.connect() as connection:
        for death in running.deaths:
            for row in connection.execute(statement, {"pid": str(death.pid), "killed": death.at}):
                everything.append(row.at - death.at)
                if not any(start - 1 < row.at and end + 1 > death.at for start, end in outages):
                    calm.append(row.at - death.at)
    return Restarts(everything, calm)


def line_of(struck: Struck) -> str:
    """Return one line of the timeline."""
    return f"{struck.at_seconds:8.1f} s {struck.accepted:7d} jobs  #{struck.number:<4d} {struck.what}  {struck.told}"


def report(verdict: Verdict) -> list[str]:
    """Return the verdict as lines."""
    terms, counts = verdict.terms, verdict.counts
    bound = 3 / max(1, counts.accepted)
    lines = [
        (
            f"seed {terms.seed}: {counts.accepted} accepted jobs, {counts.ambiguous} ambiguous,"
            f" {terms.kills} kills and {terms.faults} other faults in {verdict.load_seconds:.0f} s,"
            f" quiet {verdict.quiet_seconds:.0f} s later"
        ),
        (
            f"lost {counts.lost}, doubled {counts.doubled}; slots {counts.slots} sent, {counts.slots_missing} missing,"
            f" {counts.slots_doubled} doubled, {counts.slots_expired} expired; {counts.models} models published"
        ),
        f"{counts.recoveries} recoveries, {counts.quarantined} quarantined",
        *_restart_lines(verdict.restarts),
        *(f"at most {value:.0f} {what}" for what, value in verdict.peaks.items()),
        f"0 in {counts.accepted} says, with 95 % confidence: fewer than {bound:.1e} of jobs" if not counts.lost else "",
        *oracle.shown(verdict.violations),
        "PASSED" if not verdict.violations else f"FAILED: {len(verdict.violations)} violations",
    ]
    return [line for line in lines if line]


def _restart_lines(found: Restarts) -> list[str]:
    return [
        f"restart of a killed job, {name}: p50 {statistics.median(seconds):.1f} s, p99 {quantile(seconds, 0.99):.1f} s,"
        f" longest {max(seconds):.1f} s of {len(seconds)} (lease {LEASE_SECONDS:g} s)"
        for name, seconds in (("all", found.all_seconds), ("servers up", found.calm_seconds))
        if seconds
    ]


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that a share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
