"""Slots: the instants at which a schedule is due, by interval or by the wall clock, daylight saving included."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from tutormax.errors import PermanentError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EVERYWHERE = ZoneInfo("UTC")
DAY = timedelta(days=1)
# The 29th of February can be eight years away; what no day of so many answers is never due.
SEARCHED_DAYS = 8 * 366


class InvalidCronError(PermanentError):
    """A cron expression that cannot be read, or that is never due."""


class Recurrence(Protocol):
    """When something is due, again and again."""

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which the slots are read."""

    def previous(self, now: datetime) -> datetime:
        """Return the newest slot at or before an instant."""

    def next(self, after: datetime) -> datetime:
        """Return the first slot after an instant."""


@dataclass(frozen=True, slots=True)
class Every:
    """Slots at the multiples of an interval since 1970 in UTC, so that every daemon counts the same ones."""

    interval: timedelta
    zone: ZoneInfo = EVERYWHERE

    def previous(self, now: datetime) -> datetime:
        """Return the newest slot at or before an instant."""
        utc = now.astimezone(UTC)
        return utc - (utc - EPOCH) % self.interval

    def next(self, after: datetime) -> datetime:
        """Return the first slot after an instant."""
        return self.previous(after) + self.interval

    def __str__(self) -> str:
        return f"every {self.interval.total_seconds():g} s"


@dataclass(frozen=True, slots=True)
class Cron:
    """Slots at the times of a cron expression, each exactly once on every local date that exists.

    A time that the clocks skip is due at the first instant after the gap, a time that they repeat at its first pass.
    """

    expression: str
    zone: ZoneInfo

    def previous(self, now: datetime) -> datetime:
        """Return the newest slot at or before an instant."""
        return self._first(slot for day in self._days(now, -DAY) for slot in reversed(self._on(day)) if slot <= now)

    def next(self, after: datetime) -> datetime:
        """Return the first slot after an instant."""
        return self._first(slot for day in self._days(after, DAY) for slot in self._on(day) if slot > after)

    def __str__(self) -> str:
        return self.expression

    def _days(self, instant: datetime, step: timedelta) -> Iterator[date]:
        # One day back first: around a gap or a repeated hour a slot of one date may read as its neighbour's.
        first = instant.astimezone(self.zone).date() - step
        return (first + number * step for number in range(SEARCHED_DAYS))

    def _on(self, day: date) -> tuple[datetime, ...]:
        return _slots_on(self.expression, self.zone, day)

    def _first(self, slots: Iterator[datetime]) -> datetime:
        for slot in slots:
            return slot
        raise InvalidCronError(f"{self.expression!r} is due on no day of eight years")


def cron(expression: str, zone: ZoneInfo) -> Cron:
    """Return the slots of `minute hour day month weekday`; one that names its hours is read in the zone, else in UTC.

    A quarter hour must neither skip nor repeat, whatever the clocks do: `*/15 * * * *` counts in UTC. A nightly run
    must happen once a night: `0 2 * * *` is a time on the wall.
    """
    _, hour, *_, weekday = _fields(expression)
    if any(character.isdigit() for character in weekday):
        # Cron counts from Sunday and APScheduler from Monday: a number would mean two days.
        raise InvalidCronError(f"{expression!r} numbers its weekdays; name them: sun, mon-fri")
    _trigger(expression)
    return Cron(expression, EVERYWHERE if "*" in hour else zone)


def _fields(expression: str) -> list[str]:
    fields = expression.split()
    if len(fields) != 5:  # noqa: PLR2004  # as crontab(5) has them
        raise InvalidCronError(f"{expression!r} is not minute, hour, day, month and weekday; write one like 0 2 * * *")
    return fields


@lru_cache
def _trigger(expression: str) -> CronTrigger:
    try:
        trigger = CronTrigger.from_crontab(expression, timezone=UTC)
    except ValueError as error:
        raise InvalidCronError(f"{expression!r}: {error}") from error
    if trigger.get_next_fire_time(None, EPOCH) is None:
        raise InvalidCronError(f"{expression!r} is never due: no date has that day")
    return trigger


@lru_cache(maxsize=1024)
def _slots_on(expression: str, zone: ZoneInfo, day: date) -> tuple[datetime, ...]:
    """Return the slots of one local date, oldest first; none where the calendar leaves the date out."""
    midnight = instant_of(datetime.combine(day, time()), zone)
    if midnight.astimezone(zone).date() != day:
        return ()
    return tuple(sorted({instant_of(wall, zone) for wall in _walls_on(expression, day)}))


@lru_cache(maxsize=16384)
def _walls_on(expression: str, day: date) -> tuple[datetime, ...]:
    """Return the times on the wall that a cron expression names on one date, without a zone.

    APScheduler reads them in UTC, where every time exists once; what a zone makes of them is ours.
    """
    walls = []
    wall = _trigger(expression).get_next_fire_time(None, datetime.combine(day, time(), UTC))
    while wall is not None and wall.date() == day:
        walls.append(wall.replace(tzinfo=None))
        wall = _trigger(expression).get_next_fire_time(wall, wall)
    return tuple(walls)


def instant_of(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant at which a wall clock of the zone shows a time, or later than it where it is skipped."""
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _shown(instant, zone) == wall:
        return instant
    # Skipped: read with the offset after the gap it is too early, with the one before the gap it is late enough.
    early = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    seconds = range(int((instant - early).total_seconds()))
    late = bisect_left(seconds, True, key=lambda second: _shown(early + timedelta(seconds=second), zone) > wall)
    return early + timedelta(seconds=late)


def _shown(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)
