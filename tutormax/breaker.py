"""Circuit breakers: what is outside and has failed again and again is left alone for a while, by every process.

    closed ──5 failures in a row──▶ open ──60 s──▶ one call of one process finds out ──▶ closed, or open again

The state is a row, so it is shared, outlives whoever saw the failures, and goes by one clock. A process that is killed
while it finds out keeps nobody else from it for longer than an answer may take.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from tutormax import db, log, metrics, queries
from tutormax.errors import NotNowError

_log = log.get(__name__)

T = TypeVar("T")

LONGEST_ERROR = 500


class Outside(StrEnum):
    """What is guarded today; the names are those of rows and labels."""

    MODEL_STORE = "model_store"


class Outcome(StrEnum):
    """What became of a call."""

    ANSWERED = "answered"
    FAILED = "failed"
    REFUSED = "refused"


class BreakerOpenError(NotNowError):
    """Something outside failed too often and is not called for a while."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """Guards the calls to one thing outside.

    failures: the exceptions that mean it is away; whatever else a call raises is an answer.
    """

    name: str
    failures: tuple[type[Exception], ...]
    most_failures: int = 5
    rest_seconds: float = 60.0
    probe_seconds: float = 60.0

    def call(self, act: Callable[[], T]) -> T:
        """Return what a call returns, or raise what it raises; raise BreakerOpenError without calling while open."""
        probing, failed_before = self._admitted()
        try:
            result = act()
        except self.failures as error:
            self._failed(error, probing=probing)
            raise
        except Exception:
            self._answered(probing=probing, failed_before=failed_before)
            raise
        except BaseException:
            # Interrupted, so nothing was found out.
            if probing:
                self._write("leave_probe")
            raise
        self._answered(probing=probing, failed_before=failed_before)
        return result

    def _admitted(self) -> tuple[bool, bool]:
        """Return whether this call is the one that finds out, and whether there is anything to be forgotten."""
        seen = self._write("admit_call", probe_seconds=self.probe_seconds, rest_seconds=self.rest_seconds)
        if seen is None:
            return False, False
        if seen.is_open and not seen.probing:
            self._count(Outcome.REFUSED)
            raise BreakerOpenError(
                f"{self.name} is not called: it failed {seen.failures} times, last with {seen.error!r}; "
                f"it is tried again in {seen.rests_for_seconds:.0f} s or as soon as another process has its answer"
            )
        return seen.probing, seen.failures > 0

    def _failed(self, error: Exception, *, probing: bool) -> None:
        self._count(Outcome.FAILED)
        told = (str(error) or type(error).__name__)[:LONGEST_ERROR]
        seen = self._write("count_failure", error=told, probing=probing, most=self.most_failures)
        if seen.is_open:
            _log.error("breaker open", name=self.name, failures=seen.failures, error=told)

    def _answered(self, *, probing: bool, failed_before: bool) -> None:
        self._count(Outcome.ANSWERED)
        if failed_before and self._write("forget_failures", probing=probing) and probing:
            _log.info("breaker closed", name=self.name)

    def _count(self, outcome: Outcome) -> None:
        metrics.BREAKER_CALLS.labels(self.name, outcome).inc()

    def _write(self, statement: str, **bound: object) -> Any:
        # A transaction of its own: what is known of the outside must not go with the work that found it out.
        with db.transaction() as connection:
            found = connection.execute(queries.load(f"breaker/{statement}"), {"name": self.name, **bound})
            return found.one_or_none()
