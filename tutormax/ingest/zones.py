"""Local times of a named zone as instants, many at once."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Micros = NDArray[np.int64]
Mask = NDArray[np.bool_]

MINUTE = 60_000_000
DAY = 24 * 60 * MINUTE
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - local times have no zone yet
_GAP = np.iinfo(np.int64).min


def to_utc(local: Micros, zone: ZoneInfo) -> tuple[Micros, Mask]:
    """Return local times (microseconds since 1970 on the zone's clock) in UTC, and which of them never were.

    A time that the clock showed twice is its first showing; one that the clock skipped is marked, its value is void.
    """
    days, day_of = np.unique(local // DAY, return_inverse=True)
    offsets = np.array([_offset_of_day(int(day), zone) for day in days], dtype=np.int64)[day_of]
    changing = np.flatnonzero(offsets == _GAP)
    minutes, minute_of = np.unique(local[changing] // MINUTE, return_inverse=True)
    exact = np.array([_offset_of_minute(int(minute), zone) for minute in minutes], dtype=np.int64)
    if changing.size:
        offsets[changing] = exact[minute_of]
    return local - offsets, offsets == _GAP


@lru_cache(maxsize=65536)
def _offset_of_day(day: int, zone: ZoneInfo) -> int:
    """Return the one offset of a local day, or the gap's mark when the clock changes in it."""
    start = _EPOCH + timedelta(days=day)
    offsets = {_offset(start + timedelta(hours=hour), zone) for hour in range(25)}
    return offsets.pop() if len(offsets) == 1 else int(_GAP)


def _offset_of_minute(minute: int, zone: ZoneInfo) -> int:
    """Return the offset of a local minute, or the gap's mark when the clock skipped it."""
    local = _EPOCH + timedelta(minutes=minute)
    there = local.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    return _offset(local, zone) if there == local else int(_GAP)


def _offset(local: datetime, zone: ZoneInfo) -> int:
    offset = local.replace(tzinfo=zone).utcoffset() or timedelta()
    return offset // timedelta(microseconds=1)
