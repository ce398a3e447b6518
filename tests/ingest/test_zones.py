"""Local times in bulk are what zoneinfo says of each by itself."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutormax.ingest.zones import to_utc

ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kolkata")
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a local time
MICROSECOND = timedelta(microseconds=1)


def micros(local: datetime) -> int:
    return (local - EPOCH) // MICROSECOND


@given(st.sampled_from(ZONES), st.lists(st.datetimes(datetime(2005, 1, 1), datetime(2030, 1, 1)), max_size=8))  # noqa: DTZ001
def test_local_times_are_read_as_zoneinfo_reads_them(name: str, times: list[datetime]) -> None:
    zone = ZoneInfo(name)

    instants, skipped = to_utc(np.array([micros(time) for time in times], dtype=np.int64), zone)

    for time, instant, is_skipped in zip(times, instants.tolist(), skipped.tolist(), strict=True):
        utc = time.replace(tzinfo=zone).astimezone(UTC)
        exists = utc.astimezone(zone).replace(tzinfo=None) == time
        assert is_skipped is not exists
        assert is_skipped or EPOCH + instant * MICROSECOND == utc.replace(tzinfo=None)


@pytest.mark.parametrize(
    ("local", "instant"),
    [
        ("2026-03-08T01:59:59", "2026-03-08T06:59:59"),
        ("2026-03-08T03:00:00", "2026-03-08T07:00:00"),
        # Shown twice that night; the first showing counts.
        ("2026-11-01T01:30:00", "2026-11-01T05:30:00"),
        ("2026-11-01T02:00:00", "2026-11-01T07:00:00"),
    ],
)
def test_a_time_around_a_change_of_clocks_is_exact(local: str, instant: str) -> None:
    instants, skipped = to_utc(np.array([micros(datetime.fromisoformat(local))]), ZoneInfo("America/New_York"))

    assert instants.tolist() == [micros(datetime.fromisoformat(instant))]
    assert skipped.tolist() == [False]


def test_a_time_that_the_clock_skipped_is_marked() -> None:
    local = micros(datetime.fromisoformat("2026-03-08T02:30:00"))

    assert to_utc(np.array([local]), ZoneInfo("America/New_York"))[1].tolist() == [True]
