"""From what was read to what is exported: rows in, metric families out."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

from prometheus_client import Metric

from tutormax import metrics
from tutormax.breaker import Outside
from tutormax.broker import Queue
from tutormax.catalogue import Bounded, Family, Process
from tutormax.evaluation import Tier
from tutormax.exporter.stores import MOST_SCHEDULES, Rows
from tutormax.jobs.lease import State as JobState
from tutormax.registration import State
from tutormax.risk import LEVELS
from tutormax.targets import TARGETS

Row = Mapping[str, Any]

# In flight is what the ledger calls running; delayed is not yet due, and has no age.
STATE_NAMES = {JobState.RUNNING.value: "in_flight"}
STATES = ("ready", "in_flight", "delayed", "dead")
AGED = ("ready", "in_flight", "dead")
WORKER_STATES = (State.UP.value, State.DRAINING.value, "lost")
ALGORITHM = "xgboost"
SCORE = "score"
NOBODY = "none"

queue_label = Bounded(metrics.QUEUE_MESSAGES.metric.name, 30, metrics.LABEL_OVERFLOW)
schedules_folded = metrics.LABEL_OVERFLOW.labels(metrics.SCHEDULE_DEADLINE.metric.name)
service_label = Bounded(metrics.WORKER_PROCESSES.metric.name, 30, metrics.LABEL_OVERFLOW)


def configured() -> Iterator[Metric]:
    """Yield what the queues promise, which no store has to be asked for."""
    yield metrics.QUEUE_INFO.of(((queue, target.tier), 1) for queue, target in TARGETS.items())
    yield metrics.QUEUE_TARGET_WAIT.of(((queue,), target.wait_seconds) for queue, target in TARGETS.items())
    yield metrics.QUEUE_TARGET_LOAD.of(((queue,), target.messages_per_process) for queue, target in TARGETS.items())


def of_doorbells(waiting: Mapping[str, int]) -> Iterator[Metric]:
    """Yield what waits in the broker."""
    yield metrics.QUEUE_DOORBELLS.of(((queue,), count) for queue, count in waiting.items())


def of_depths(rows: Rows) -> Iterator[Metric]:
    """Yield depth and age of every queue and state, zero where there is nothing."""
    labels = {queue: queue_label(queue) for queue in (*Queue, *(row["queue"] for row in rows))}
    jobs = dict.fromkeys(product(labels.values(), STATES), 0.0)
    ages = dict.fromkeys(product(labels.values(), AGED), 0.0)
    for row in rows:
        state: str = row["state"]
        key = labels[row["queue"]], STATE_NAMES.get(state, state)
        jobs[key] += row["jobs"]
        if key in ages:
            # Nothing is younger than now: only delayed jobs, or a clock that was set back.
            ages[key] = max(ages[key], row["oldest_seconds"])
    yield metrics.QUEUE_MESSAGES.of(jobs.items())
    yield metrics.QUEUE_OLDEST_AGE.of(ages.items())


SCHEDULE_FAMILIES: tuple[tuple[Family, str, float | None], ...] = (
    # Zero for what never happened: a difference to something that did is then large, and an alert on it fires.
    (metrics.SCHEDULE_LAST_FIRE, "last_fire", 0),
    (metrics.SCHEDULE_LAST_START, "last_start", 0),
    (metrics.SCHEDULE_UNSTARTED, "unstarted", 0),
    (metrics.SCHEDULE_LAST_SUCCESS, "last_success", 0),
    (metrics.SCHEDULE_PAUSED, "paused", 0),
    (metrics.SCHEDULE_FAILURES, "failures", 0),
    (metrics.SCHEDULE_NEXT_FIRE, "next_slot", None),
    (metrics.SCHEDULE_DEADLINE, "deadline", None),
    (metrics.SCHEDULE_LAST_DURATION, "last_duration", None),
)


def of_schedules(rows: Rows) -> Iterator[Metric]:
    """Yield how each schedule stands, and the canary of each queue."""
    if len(rows) > MOST_SCHEDULES:
        schedules_folded.inc()
    shown = rows[:MOST_SCHEDULES]
    for family, column, never in SCHEDULE_FAMILIES:
        yield family.of(((row["name"],), value) for row, value in _known(shown, column, never))
    canaries = {f"canary_{queue}": queue for queue in Queue}
    flown = [row for row in shown if row["actor"] in canaries]
    yield metrics.CANARY_LAST_SUCCESS.of(
        ((canaries[row["actor"]],), value) for row, value in _known(flown, "last_success", 0)
    )


def _known(rows: Iterable[Row], column: str, never: float | None) -> Iterator[tuple[Row, float]]:
    for row in rows:
        value = never if row[column] is None else float(row[column])
        if value is not None:
            yield row, value


def of_processes(rows: Rows) -> Iterator[Metric]:
    """Yield the worker processes by state, and those that nobody can scrape."""
    workers = [row for row in rows if row["kind"] == Process.WORKER]
    counts = {(service_label(row["service"]), state): 0.0 for row in workers for state in WORKER_STATES}
    for row in workers:
        counts[service_label(row["service"]), row["state"]] += 1
    mute = {service_label(row["service"]): 0.0 for row in rows}
    for row in rows:
        mute[service_label(row["service"])] += row["address"] is None and row["state"] != "lost"
    yield metrics.WORKER_PROCESSES.of(counts.items())
    yield metrics.PROCESSES_WITHOUT_METRICS.of(((service,), count) for service, count in mute.items())


def of_models(rows: Rows, outcomes: Rows = ()) -> Iterator[Metric]:
    """Yield the models in service, and how well predictions did whose outcomes are known."""
    yield metrics.MODEL_INFO.of(((row["population"], row["model_id"].rpartition("/")[2], ALGORITHM), 1) for row in rows)
    yield metrics.MODEL_TRAINED.of(((row["population"],), row["trained_at"]) for row in rows)
    aucs: list[tuple[tuple[str, str], float]] = []
    for dataset, source in (("holdout", rows), ("live", outcomes)):
        aucs += [((row["population"], dataset), value) for row, value in _known(source, "auc", None)]
    yield metrics.MODEL_AUC.of(aucs)
    yield metrics.MODEL_BRIER.of(((row["population"], "holdout"), value) for row, value in _known(rows, "brier", None))


def of_drift(rows: Rows) -> Iterator[Metric]:
    """Yield how far scores and features have moved."""
    yield metrics.MODEL_SCORE_PSI.of(((row["population"],), row["psi"]) for row in rows if row["subject"] == SCORE)
    yield metrics.MODEL_FEATURE_PSI.of(
        ((row["population"], row["subject"]), row["psi"]) for row in rows if row["subject"] != SCORE
    )


def of_operator_actions(rows: Rows) -> Iterator[Metric]:
    """Yield what operators did."""
    times = {"cancel": 0, "requeue": 0, "drop": 0} | {row["action"].removeprefix("job "): row["times"] for row in rows}
    yield metrics.DEAD_LETTER_ACTIONS.of(((action,), count) for action, count in times.items())


def of_breakers(rows: Rows) -> Iterator[Metric]:
    """Yield what is left alone; zero for what has never failed."""
    states = dict.fromkeys(Outside, 0.0) | {row["name"]: float(row["is_open"]) for row in rows}
    yield metrics.BREAKER_OPEN.of(((name,), state) for name, state in states.items())


def of_tutors(rows: Rows) -> Iterator[Metric]:
    """Yield the tutors of every tier and risk, zero where there are none."""
    counts = dict.fromkeys(product((*Tier, NOBODY), (*LEVELS, NOBODY)), 0)
    counts |= {(row["tier"] or NOBODY, row["risk_level"] or NOBODY): row["tutors"] for row in rows}
    yield metrics.TUTORS.of(counts.items())
