"""Quarter-hour windows: the unit in which tutors are evaluated."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from tutormax.errors import PermanentError

QUARTER_HOUR = timedelta(minutes=15)
WINDOW_DAYS = (7, 30, 90)


class UnalignedWindowError(PermanentError):
    """The instant given does not start an evaluation window."""


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The quarter hour that ends at `end`, an instant in UTC."""

    end: datetime

    @classmethod
    def ending(cls, instant: str | datetime) -> Self:
        """Return the window that ends at an instant; raise UnalignedWindowError unless it is a quarter hour."""
        try:
            parsed = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
        except ValueError:
            raise UnalignedWindowError(f"{instant!r} is not an instant; write one like 2026-01-08T14:30:00Z") from None
        if parsed.tzinfo is None or parsed.astimezone(UTC) != align(parsed):
            raise UnalignedWindowError(f"{str(instant)!r} does not start a quarter hour in a named zone")
        return cls(parsed.astimezone(UTC))

    @classmethod
    def latest(cls, now: datetime) -> Self:
        """Return the newest window that has ended at `now`."""
        return cls(align(now))

    @property
    def start(self) -> datetime:
        """The instant at which the window begins."""
        return self.end - QUARTER_HOUR

    def preceding(self) -> Self:
        """Return the window before this one."""
        return type(self)(self.start)


def align(instant: datetime) -> datetime:
    """Return the last quarter hour at or before an instant, in UTC."""
    utc = instant.astimezone(UTC)
    return utc.replace(minute=utc.minute - utc.minute % 15, second=0, microsecond=0)
