"""Times of a file: with an offset or in the file's zone, and neither absurdly old nor far ahead."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tutormax.ingest.texts import Texts, mask, matching, only, told
from tutormax.ingest.values import UTC_MICROS, Checked, Clock, Fault
from tutormax.ingest.zones import Mask, Micros, to_utc

EARLIEST = 2000
LATEST = timedelta(days=731)
# A file that names the wrong zone, or a clock that is ahead, is no reason to refuse it.
TOMORROW = timedelta(days=1)


class ZonelessError(Exception):
    """A time names no zone and none was given; `row` is the first such row of the column."""

    def __init__(self, row: int) -> None:
        super().__init__(row)
        self.row = row


@dataclass(frozen=True, slots=True)
class Instant:
    """A time in ISO 8601, with an offset or in the file's zone; a bare date is its midnight where dates are taken."""

    dates: bool = False
    # Of something that the file itself says has happened.
    past: bool = False
    sql_type: str = "timestamptz"

    def check(self, texts: Texts, clock: Clock) -> Checked:
        """Refuse what is no time, what the zone's clock skipped, and what is absurdly old or far ahead."""
        clock_time = r"[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?"
        day = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
        local = matching(texts, f"{day}({clock_time}){'?' if self.dates else ''}$")
        zoned = matching(texts, f"{day}{clock_time}(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)$")
        # Only these years are read, so that nothing overflows on the way.
        near = mask(pc.starts_with(texts, "20"))
        if clock.zone is None and local.any():
            raise ZonelessError(int(np.flatnonzero(local)[0]))
        naive, unreal = _parse(only(texts, local & near), pa.timestamp("ns"))
        aware, unreal_too = _parse(only(texts, zoned & near), pa.timestamp("ns", "UTC"))
        micros, skipped = _in_utc(naive, aware, local & near & ~unreal, clock.zone)
        latest = clock.now + (TOMORROW if self.past else LATEST)
        readable = (local | zoned) & near & ~unreal & ~unreal_too & ~skipped
        far = readable & ((micros < _micros_of(EARLIEST)) | (micros > latest.timestamp() * 1e6))
        example = "2026-01-31 or 2026-01-31T18:30:00" if self.dates else "2026-01-31T18:30:00 or 2026-01-31T18:30:00Z"
        faults = (
            Fault(told(texts) & ~local & ~zoned | unreal | unreal_too, f"is not a time like {example}"),
            Fault(skipped, f"is a time that clocks in {clock.zone} skipped"),
            Fault((local | zoned) & ~near | far, f"is not between {EARLIEST} and {latest:%F}"),
        )
        values = pa.array(micros, UTC_MICROS, mask=~readable | far)
        return Checked(values, faults)


def _parse(texts: Texts, kind: Any) -> tuple[Any, Mask]:
    """Return texts of the right shape as times in nanoseconds, and which of them no calendar holds."""
    try:
        return pc.cast(texts, kind), np.zeros(len(texts), dtype=bool)
    except pa.ArrowInvalid:
        # Some day or hour does not exist. One by one then; whole columns of such texts do not come in anyway.
        values = pa.array([_one(text, kind) for text in texts.to_pylist()], kind)
        return values, told(texts) & mask(pc.is_null(values))


def _one(text: str | None, kind: Any) -> Any:
    try:
        return None if text is None else pc.cast(pa.scalar(text), kind)
    except pa.ArrowInvalid:
        return None


def _in_utc(naive: Any, aware: Any, local: Mask, zone: ZoneInfo | None) -> tuple[Micros, Mask]:
    """Return both kinds of times as microseconds in UTC, and which local ones never were."""
    micros = _as_micros(aware)
    skipped = np.zeros(len(micros), dtype=bool)
    if zone is not None and local.any():
        micros[local], skipped[local] = to_utc(_as_micros(naive)[local], zone)
    return micros, skipped


def _as_micros(times: Any) -> Micros:
    nanos: Micros = pc.fill_null(pc.cast(times, pa.int64()), 0).to_numpy(zero_copy_only=False)
    return nanos // 1000


def _micros_of(year: int) -> np.int64:
    return np.datetime64(f"{year}-01-01", "us").astype(np.int64)
