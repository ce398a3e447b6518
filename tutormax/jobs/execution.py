"""One attempt at one job, from the doorbell to the commit."""

import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError

from tutormax import db, failpoints, log, settings, tracing
from tutormax.failpoints import Failpoint
from tutormax.jobs import lease as leases
from tutormax.jobs import limits as limiting
from tutormax.jobs import outcomes, ring
from tutormax.jobs.clerk import Ended, clerk, worker_name
from tutormax.jobs.job import Interruption, Job
from tutormax.jobs.keeper import keeper
from tutormax.jobs.lease import JobLockedError, Lease, State
from tutormax.jobs.outcomes import AWAY_SECONDS, FAILURES, Outcome
from tutormax.jobs.plan import Plan
from tutormax.tracing import Span, SpanKind, TraceContext

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one doorbell; exception: the class of what the attempt raised."""

    outcome: Outcome
    lease: Lease | None = None
    trace_id: str | None = None
    exception: str | None = None


class _Given(threading.local):
    answer: Future[Answer] | None = None


_given = _Given()


def run(plan: Plan, job_id: UUID) -> Answer:
    """Take the lease of a job, run it and return what the ledger was told, whatever happens here."""
    return begin(plan, job_id).result()


def begin(plan: Plan, job_id: UUID) -> Future[Answer]:
    """Take the lease of a job and run it; the answer comes when the ledger has been told of it, which may be later."""
    given = _given.answer = Future()
    _run(plan, job_id, given)
    return given


def given_answer() -> Future[Answer] | None:
    """Return what this thread's last doorbell came to, or will; None when there was none."""
    # Not by the actor's return value: Dramatiq warns of each one that it may not store.
    return _given.answer


def _run(plan: Plan, job_id: UUID, given: Future[Answer]) -> None:
    limits = settings.current()
    try:
        lease = _taken(plan, job_id, limits)
    except JobLockedError as error:
        # The relay does not ring for it before it is free.
        _log.info("no lease, the relay will ring again", actor=plan.arguments.name, error=str(error))
        given.set_result(Answer(Outcome.SKIPPED))
        return
    except SQLAlchemyError as error:
        # The job is safe where we cannot reach it, and the relay rings again when we can.
        _log.warning(
            "no lease, the relay will ring again",
            job_id=str(job_id),
            actor=plan.arguments.name,
            error=str(error).splitlines()[0],
        )
        time.sleep(AWAY_SECONDS)
        given.set_result(Answer(Outcome.LOST))
        return
    if lease is None:
        given.set_result(Answer(Outcome.SKIPPED))
        return
    parent = TraceContext.parse(lease.trace_context)
    with tracing.span(f"process {lease.actor}", SpanKind.CONSUMER, parent, **_attributes(lease)) as span:
        attempt = _Attempt(plan, lease, limits, span.context.trace_id, given)
        with log.about(attempt.facts):
            attempt.run()
        if span.recorded:
            # It tells how its attempt ended, so it lasts until that is known.
            _tell(span, given.result())


def _pass_on(plan: Plan, lease: Lease) -> None:
    """Ring for who waited for this job's place; if the database is away just now, the relay will."""
    if limiting.is_limited(plan.limit):
        with suppress(SQLAlchemyError):
            with db.transaction() as connection:
                due = limiting.next_in_line(connection, lease, plan.limit)
            ring.ring(due)


def _facts(lease: Lease) -> dict[str, str | int | None]:
    """Return what every log line of a job says."""
    return {
        "job_id": str(lease.job_id),
        "actor": lease.actor,
        "queue": lease.queue,
        "organization": lease.organization_id,
        "attempt": lease.attempts,
    }


def _attributes(lease: Lease) -> dict[str, str | int]:
    return {
        "messaging.system": "tutormax",
        "messaging.destination.name": lease.queue,
        "messaging.message.id": str(lease.job_id),
        "tutormax.attempt": lease.attempts,
    }


def _tell(span: Span, answer: Answer) -> None:
    span.note(**{"tutormax.outcome": answer.outcome.value})
    if answer.exception is not None:
        span.fail(answer.exception)


def _taken(plan: Plan, job_id: UUID, limits: settings.Settings) -> Lease | None:
    failpoints.reach(Failpoint.BEFORE_TAKE)
    if limiting.is_free(plan.limit):
        lease = clerk().take(job_id)
    else:
        with db.transaction() as connection:
            lease = limiting.take(
                connection, job_id, plan.limit, seconds=limits.job_lease_seconds, worker=worker_name()
            )
    failpoints.reach(Failpoint.AFTER_TAKE)
    return lease


class _Attempt:
    """One attempt, from its lease until the ledger has been told how it ended."""

    def __init__(
        self, plan: Plan, lease: Lease, limits: settings.Settings, trace_id: str, given: Future[Answer]
    ) -> None:
        self.plan = plan
        self.lease = lease
        self.limits = limits
        self.facts = _facts(lease) | {"trace_id": trace_id}
        self._trace_id = trace_id
        self._given = given
        self._started = time.monotonic()

    def run(self) -> None:
        """Run the actor and complete its job, or have it completed."""
        lease, limits = self.lease, self.limits
        if lease.recoveries >= limits.job_max_recoveries:
            self._ended(outcomes.quarantined(lease), "Quarantined")
            return
        seconds = self.plan.time_limit_seconds
        job = Job(lease, db.engine(), lease_seconds=limits.job_lease_seconds, time_limit_seconds=seconds)
        try:
            with keeper().watch(job, partial(_given_up, self.plan, job, limits)):
                failpoints.reach(Failpoint.BEFORE_EFFECT)
                result = _packed(self.plan.function(job, **self.plan.arguments.unpack(lease.args)))
                failpoints.reach(Failpoint.AFTER_EFFECT)
            # No longer watched: what is committed just when somebody looks is done, not lost.
            if not job.has_transaction:
                failpoints.reach(Failpoint.BEFORE_COMMIT)
                clerk().finish(Ended(lease, result, partial(self._written, result, time.monotonic())))
                return
            state = job.complete(result)
            job.committed()
        except BaseException as error:  # noqa: BLE001 - an actor may raise anything, and the ledger must hear of it
            why = _interruption(error) or error
            # First of all: what the attempt holds would keep its own outcome from being written.
            _close(job, broken=isinstance(why, Interruption | DBAPIError))
            outcome = outcomes.ended_badly(self.plan, self.lease, limits, why)
            self._ended(outcome, type(why).__name__ if outcome in FAILURES else None)
            return
        _close(job, broken=False)
        self._done(state)

    def _written(self, result: str | None, ended_at: float, state: State | None) -> None:
        """Hear from the clerk that the job is completed; alone where it could not be had with the others."""
        with log.about(self.facts):
            try:
                if state is None:
                    state = self._finished_alone(result, ended_at)
                if state is not None:
                    failpoints.reach(Failpoint.AFTER_COMMIT)
                    self._done(state)
            except BaseException as error:  # noqa: BLE001 - others of the clerk's wait, and this one's answer is awaited
                self._given.set_exception(error)

    def _finished_alone(self, result: str | None, ended_at: float) -> State | None:
        """Complete the job in a transaction of its own; return None where it is not, and has been answered."""
        states: list[State] = []

        def finish(connection: Connection) -> State:
            states.append(leases.finish(connection, self.lease, result))
            return states[-1]

        try:
            outcome = outcomes.settle(self.lease, Outcome.SUCCESS, finish, since=ended_at)
        except DataError as error:
            self._ended(outcomes.failed(self.plan, self.lease, self.limits, error), type(error).__name__)
            return None
        if outcome is not Outcome.SUCCESS:
            self._ended(outcome, None)
            return None
        # Nothing was written where an earlier try had arrived after all.
        return states[-1] if states else State.DONE

    def _done(self, state: State) -> None:
        if state is State.PENDING:
            ring.ring([ring.Doorbell(self.lease.job_id, self.lease.actor, self.lease.queue)])
        _log.info("job done", seconds=round(time.monotonic() - self._started, 3))
        self._ended(Outcome.SUCCESS, None)

    def _ended(self, outcome: Outcome, exception: str | None) -> None:
        _pass_on(self.plan, self.lease)
        self._given.set_result(Answer(outcome, self.lease, self._trace_id, exception))


def _interruption(error: BaseException | None) -> Interruption | None:
    """Return what an error came of: a copy or a savepoint that is cut short may fail in its turn, and say only that."""
    return error if error is None or isinstance(error, Interruption) else _interruption(error.__context__)


def _packed(result: object) -> str | None:
    built = msgspec.to_builtins(result)
    return leases.packed(built if built is None or isinstance(built, dict) else {"result": built})


def _close(job: Job, *, broken: bool) -> None:
    try:
        job.close(broken=broken)
    except SQLAlchemyError as error:
        _log.warning("connection lost", error=str(error).splitlines()[0])


def _given_up(plan: Plan, job: Job, limits: settings.Settings, why: type[Interruption]) -> Outcome:
    """Write what becomes of a job that does not hear that it is to stop; its thread will write nothing more."""
    return outcomes.ended_badly(plan, job.lease, limits, why())
