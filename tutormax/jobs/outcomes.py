"""How an attempt ended, and how the ledger is told: also after a failure, and while the database is away."""

import random
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, SQLAlchemyError

from tutormax import db, log, settings
from tutormax.errors import NotNowError, PermanentError, TransientError
from tutormax.jobs import lease as leases
from tutormax.jobs.job import CancelInterruption, DeadlineInterruption, ReplacedInterruption, ShutdownInterruption
from tutormax.jobs.keeper import keeper
from tutormax.jobs.lease import CANCELLED, Failure, Lease, LeaseLostError, State
from tutormax.jobs.plan import Plan

_log = log.get(__name__)

LONGEST_BACKOFF_SECONDS = 3600.0
# A job whose outcome cannot be told for longer is somebody else's: its lease has run out.
SETTLE_SECONDS = 60.0
AWAY_SECONDS = 0.5


class Outcome(StrEnum):
    """How a doorbell was answered."""

    SUCCESS = "success"
    RETRY = "retry"
    DEAD = "dead"
    CANCELLED = "cancelled"
    RELEASED = "released"
    LOST = "lost"
    SKIPPED = "skipped"


FAILURES = frozenset({Outcome.RETRY, Outcome.DEAD})


class TimeLimitExceededError(TransientError):
    """The job ran longer than its actor may."""


def ended_badly(plan: Plan, lease: Lease, limits: settings.Settings, error: BaseException) -> Outcome:
    """Tell the ledger what an attempt came to that was stopped or failed."""
    match error:
        case LeaseLostError() | ReplacedInterruption():
            return _lost(lease)
        case ShutdownInterruption():
            _log.info("job released, the worker shuts down")
            return settle(lease, Outcome.RELEASED, lambda connection: leases.release(connection, lease))
        case CancelInterruption():
            return settle(
                lease,
                Outcome.CANCELLED,
                lambda connection: leases.bury(connection, lease, CANCELLED, state=State.CANCELLED),
            )
        case DeadlineInterruption():
            limit = TimeLimitExceededError(f"{lease.actor} may run {plan.time_limit_seconds:g} s and was stopped")
            return failed(plan, lease, limits, limit)
        case NotNowError():
            _log.info("job put off", error=str(error), error_type=type(error).__name__)
            return settle(
                lease,
                Outcome.RELEASED,
                lambda connection: leases.release(connection, lease, after_seconds=error.retry_after_seconds),
            )
        case _:
            return failed(plan, lease, limits, error)


def quarantined(lease: Lease) -> Outcome:
    """Bury a job whose workers died again and again."""
    failure = Failure(f"its worker died {lease.recoveries} times while it ran", "Quarantined")
    _log.error("job quarantined", recoveries=lease.recoveries)
    return settle(lease, Outcome.DEAD, lambda connection: leases.bury(connection, lease, failure))


def failed(plan: Plan, lease: Lease, limits: settings.Settings, error: BaseException) -> Outcome:
    """Have a job tried again later, or bury it where it has failed for good."""
    failure = Failure(str(error) or repr(error), type(error).__name__, _traceback(error))
    retries = limits.max_task_retries if plan.max_retries is None else plan.max_retries
    if isinstance(error, PermanentError) or lease.attempts > retries:
        _log.error("job dead", error=failure.error, error_type=failure.error_type, exception=failure.traceback)
        return settle(lease, Outcome.DEAD, lambda connection: leases.bury(connection, lease, failure))
    seconds = backoff(lease.attempts, limits.retry_backoff_seconds)
    _log.warning(
        "job failed, will be tried again",
        error=failure.error,
        error_type=failure.error_type,
        in_seconds=round(seconds, 1),
        exception=failure.traceback,
    )
    return settle(lease, Outcome.RETRY, lambda connection: leases.retry(connection, lease, failure, seconds=seconds))


def backoff(attempts: int, base_seconds: float) -> float:
    """Return the seconds to wait after some failed attempts: doubling, at most an hour, up to a quarter off."""
    doubled = min(LONGEST_BACKOFF_SECONDS, base_seconds * 2.0 ** min(attempts - 1, 30))
    # Jitter keeps jobs that failed together from failing together again.
    return doubled * random.uniform(0.75, 1.0)  # noqa: S311 - nothing secret


def _traceback(error: BaseException) -> str | None:
    return None if isinstance(error, TimeLimitExceededError) else "".join(traceback.format_exception(error))


def settle(
    lease: Lease, outcome: Outcome, write: Callable[[Connection], State], *, since: float | None = None
) -> Outcome:
    """Write how an attempt ended; if the database is away for longer, the lease runs out and the job is recovered.

    A completion whose answer was cut off may have arrived all the same: the ledger knows.
    """
    end = (time.monotonic() if since is None else since) + SETTLE_SECONDS
    while True:
        try:
            with db.transaction() as connection:
                if leases.is_done(connection, lease):
                    _log.info("job done, though its commit was not answered")
                    return Outcome.SUCCESS
                state = write(connection)
        except LeaseLostError:
            return _lost(lease)
        except DataError:
            # No other time will take it.
            raise
        except SQLAlchemyError as error:
            # Nothing else could be done with the database away; and whoever falls silent here is taken for dead.
            last = keeper().shutting_down or time.monotonic() >= end
            _log.warning("outcome not written", error=str(error).splitlines()[0], trying_again=not last)
            if last:
                return Outcome.LOST
            time.sleep(AWAY_SECONDS)
        else:
            # Somebody has asked for it to stop, and its worker had not heard yet.
            return Outcome.CANCELLED if state is State.CANCELLED else outcome


def _lost(lease: Lease) -> Outcome:
    _log.warning("job lost to another worker, nothing written")
    with suppress(SQLAlchemyError), db.transaction() as connection:
        leases.vouch(connection, lease)
    return Outcome.LOST
