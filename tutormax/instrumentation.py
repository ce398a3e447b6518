"""Instrumentation: every attempt counted and timed, without ever standing in the way of the attempt."""

import functools
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeVar

import dramatiq
from dramatiq.broker import MessageProxy
from dramatiq.middleware import Middleware
from dramatiq.worker import Worker
from prometheus_client import Counter, Gauge, Histogram

from tutormax import log, metrics, stages
from tutormax.catalogue import OTHER
from tutormax.jobs.execution import Answer, given_answer
from tutormax.jobs.limits import REASONS
from tutormax.jobs.outcomes import Outcome
from tutormax.jobs.ring import Reason
from tutormax.targets import target_of

_log = log.get(__name__)

# An example costs as much as all the counting: who takes longer than this is worth it every time.
QUICK_SECONDS = 0.1

P = ParamSpec("P")
S = TypeVar("S")


def harmless(method: Callable[Concatenate[S, P], None]) -> Callable[Concatenate[S, P], None]:
    """Let a fault of the instrumentation be counted and told once, and never reach the work."""
    told = False

    @functools.wraps(method)
    def guarded(self: S, /, *args: P.args, **kwargs: P.kwargs) -> None:
        nonlocal told
        try:
            method(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001  # whatever it is, the work goes on
            metrics.METRICS_FAULTS.inc()
            if not told:
                where = method.__name__
                _log.warning("instrumentation fails, the work goes on", error=str(error), where=where, exc_info=True)
            told = True

    return guarded


@dataclass(frozen=True, slots=True)
class _Actor:
    """The series of one actor, looked up once: a look-up by labels costs as much as the counting."""

    outcomes: Mapping[Outcome, Counter]
    errors: Counter
    retries: Counter
    rejects: Counter
    inprogress: Gauge
    duration: Histogram
    wait: Histogram
    late: Counter
    target_wait_seconds: float

    @classmethod
    def of(cls, queue: str, actor: str) -> "_Actor":
        """Return the series of one actor; each begins at zero."""
        return cls(
            outcomes={outcome: metrics.MESSAGES.labels(queue, actor, outcome) for outcome in Outcome},
            errors=metrics.MESSAGE_ERRORS.labels(queue, actor),
            retries=metrics.MESSAGE_RETRIES.labels(queue, actor),
            rejects=metrics.MESSAGE_REJECTS.labels(queue, actor),
            inprogress=metrics.MESSAGES_INPROGRESS.labels(queue, actor),
            duration=metrics.MESSAGE_DURATION.labels(queue, actor),
            wait=metrics.MESSAGE_WAIT.labels(queue),
            late=metrics.MESSAGES_LATE.labels(queue),
            target_wait_seconds=target_of(queue).wait_seconds,
        )


class Instrumentation(Middleware):
    """Counts and times every attempt; first in the list, so that it sees what all others decided."""

    def __init__(self) -> None:
        self._actors: dict[str, _Actor] = {}
        self._exemplified: dict[str, float] = {}
        self._started = threading.local()

    @harmless
    def after_worker_boot(self, broker: dramatiq.Broker, worker: Worker) -> None:
        """Let every series that this process will have begin at zero: what is born at one is invisible to a rate."""
        metrics.WORKER_THREADS.set(worker.worker_threads)
        consumed = set(worker.consumers)
        for queue in consumed:
            metrics.WORKER_QUEUE_INFO.labels(queue).set(1)
            metrics.MESSAGES_MALFORMED.labels(queue)
        for actor in broker.actors.values():
            for reason in Reason:
                metrics.MESSAGES_ENQUEUED.labels(actor.queue_name, actor.actor_name, reason)
            if actor.queue_name in consumed:
                self._series(actor.queue_name, actor.actor_name)
                metrics.MESSAGE_EXCEPTIONS.labels(actor.actor_name, OTHER)
                for limit in REASONS:
                    metrics.JOBS_HELD_BACK.labels(actor.queue_name, actor.actor_name, limit)
        stages.begin(consumed)

    def _series(self, queue: str, actor: str) -> _Actor:
        there = self._actors[actor] = _Actor.of(queue, actor)
        return there

    def _of(self, message: MessageProxy) -> _Actor:
        return self._actors.get(message.actor_name) or self._series(message.queue_name, message.actor_name)

    @harmless
    def before_process_message(self, broker: dramatiq.Broker, message: MessageProxy) -> None:
        """Note the start."""
        self._of(message).inprogress.inc()
        self._started.at = time.perf_counter()

    @harmless
    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: MessageProxy,
        *,
        result: object = None,
        exception: BaseException | None = None,
    ) -> None:
        """Count the outcome when the ledger has been given it."""
        series, started = self._of(message), self._begun()
        given = given_answer()
        if exception is not None or given is None:
            self._count(series, message.actor_name, started, Answer(Outcome.LOST, exception=type(exception).__name__))
        else:
            given.add_done_callback(lambda told: self._answered(series, message.actor_name, started, told))

    @harmless
    def _answered(self, series: _Actor, actor: str, started: float | None, told: Future[Answer]) -> None:
        error = told.exception()
        answer = told.result() if error is None else Answer(Outcome.LOST, exception=type(error).__name__)
        self._count(series, actor, started, answer)

    def _count(self, series: _Actor, actor: str, started: float | None, answer: Answer) -> None:
        series.outcomes[answer.outcome].inc()
        elapsed = _elapsed(series, started)
        if answer.outcome is Outcome.SKIPPED:
            return
        if elapsed is not None:
            series.duration.observe(elapsed, self._exemplar(actor, answer, elapsed))
        if answer.lease is not None:
            _count_wait(series, answer.lease.wait_seconds)
            _tenant(answer.lease.organization_id, answer.outcome).inc()
        if answer.outcome is not Outcome.SUCCESS:
            _count_failure(series, actor, answer)

    @harmless
    def after_skip_message(self, broker: dramatiq.Broker, message: MessageProxy) -> None:
        """Count a doorbell that some middleware turned away."""
        series = self._of(message)
        series.outcomes[Outcome.SKIPPED].inc()
        _elapsed(series, self._begun())

    def _exemplar(self, actor: str, answer: Answer, elapsed: float) -> dict[str, str] | None:
        """Return which job and trace an attempt was; of the quick ones of one second, the first is example enough."""
        if answer.lease is None or answer.trace_id is None:
            return None
        now = time.monotonic()
        if elapsed < QUICK_SECONDS and now - self._exemplified.get(actor, -1.0) < 1:
            return None
        self._exemplified[actor] = now
        return {"trace_id": answer.trace_id, "job_id": str(answer.lease.job_id)}

    def _begun(self) -> float | None:
        """Return when this thread's attempt began; None where its start was not seen."""
        started, self._started.at = getattr(self._started, "at", None), None
        return started


def _elapsed(series: _Actor, started: float | None) -> float | None:
    """Return how long the attempt took; None, and no gauge lowered, where its start was not seen."""
    if started is None:
        return None
    series.inprogress.dec()
    return time.perf_counter() - started


def _count_wait(series: _Actor, wait_seconds: float) -> None:
    series.wait.observe(max(0.0, wait_seconds))
    if wait_seconds > series.target_wait_seconds:
        series.late.inc()


@functools.lru_cache(maxsize=4096)
def _tenant(organization: int | None, outcome: Outcome) -> Counter:
    tenant = "none" if organization is None else metrics.tenant_label(str(organization))
    return metrics.TENANT_MESSAGES.labels(tenant, outcome)


def _count_failure(series: _Actor, actor: str, answer: Answer) -> None:
    if answer.exception is not None:
        series.errors.inc()
        metrics.MESSAGE_EXCEPTIONS.labels(actor, metrics.exception_label(answer.exception)).inc()
    if answer.outcome is Outcome.RETRY:
        series.retries.inc()
    if answer.outcome is Outcome.DEAD:
        series.rejects.inc()
