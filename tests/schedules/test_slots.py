"""Slots: every date once, whatever the clocks do."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedules.slots import DAY, Cron, Every, InvalidCronError, cron, instant_of

ZONES = (
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",  # half an hour of daylight saving
    "Asia/Kathmandu",  # five hours and three quarters
    "America/Santiago",  # changes at midnight
    "Africa/Casablanca",  # changes around Ramadan
    "Pacific/Apia",  # left a whole date out in 2011
    "America/Nuuk",  # loses the last hour of a date
)
# Midnight, the nightly runs of the timetable, and times that some of the zones skip or repeat.
DAILY = ("0 0 * * *", "0 2 * * *", "30 1 * * *", "45 23 * * *")
FIRST, LAST = date(2020, 1, 1), date(2040, 12, 31)

instants = st.datetimes(datetime(2009, 1, 1), datetime(2040, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis adds the zone
recurrences = st.one_of(
    st.integers(1, 100_000).map(lambda seconds: Every(timedelta(seconds=seconds))),
    st.builds(
        cron,
        st.sampled_from((*DAILY, "*/15 * * * *", "5,35 * * * *", "0 9-17 * * *")),
        st.sampled_from(ZONES).map(ZoneInfo),
    ),
)


def walk(recurrence: Cron, start: datetime, end: datetime) -> list[datetime]:
    slots = [recurrence.next(start)]
    while slots[-1] < end:
        slots.append(recurrence.next(slots[-1]))
    return slots[:-1]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("expression", DAILY)
def test_a_daily_schedule_is_due_once_on_every_date_from_2020_to_2040(expression: str, zone: str) -> None:
    minute, hour = (int(field) for field in expression.split()[:2])
    start = instant_of(datetime.combine(FIRST, time()), ZoneInfo(zone))
    end = instant_of(datetime.combine(LAST + DAY, time()), ZoneInfo(zone))

    slots = walk(cron(expression, ZoneInfo(zone)), start - timedelta(seconds=1), end)

    # A skipped time is due up to an hour late, which may be the first instant of the next date.
    shown = [slot.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for slot in slots]
    dates = Counter((wall - timedelta(hours=hour, minutes=minute)).date() for wall in shown)
    assert set(dates.values()) == {1}
    assert len(dates) == (LAST - FIRST).days + 1
    assert {wall.time() for wall in shown} >= {time(hour, minute)}


def test_the_midnight_that_apscheduler_leaves_out_is_due() -> None:
    nightly = cron("0 0 * * *", ZoneInfo("America/New_York"))

    slots = walk(nightly, utc("2026-03-07T12:00"), utc("2026-03-10T12:00"))

    assert slots == [utc("2026-03-08T05:00"), utc("2026-03-09T04:00"), utc("2026-03-10T04:00")]


def test_a_time_that_does_not_exist_is_due_at_the_end_of_the_gap() -> None:
    nightly = cron("30 2 * * *", ZoneInfo("America/New_York"))

    slots = walk(nightly, utc("2026-03-07T12:00"), utc("2026-03-09T12:00"))

    assert slots == [utc("2026-03-08T07:00"), utc("2026-03-09T06:30")]


def test_a_midnight_that_does_not_exist_is_due_when_the_date_begins() -> None:
    nightly = cron("0 0 * * *", ZoneInfo("America/Santiago"))

    slots = walk(nightly, utc("2026-09-05T12:00"), utc("2026-09-07T12:00"))

    assert slots == [utc("2026-09-06T04:00"), utc("2026-09-07T03:00")]


def test_a_time_that_occurs_twice_is_due_the_first_time_only() -> None:
    nightly = cron("30 1 * * *", ZoneInfo("America/New_York"))

    slots = walk(nightly, utc("2026-10-31T12:00"), utc("2026-11-02T12:00"))

    assert slots == [utc("2026-11-01T05:30"), utc("2026-11-02T06:30")]


def test_a_date_that_the_calendar_leaves_out_has_no_slot() -> None:
    nightly = cron("0 2 * * *", ZoneInfo("Pacific/Apia"))

    slots = walk(nightly, utc("2011-12-29T00:00"), utc("2012-01-01T00:00"))

    # The 29th by the old side of the date line, the 31st by the new one.
    assert slots == [utc("2011-12-29T12:00"), utc("2011-12-30T12:00"), utc("2011-12-31T12:00")]


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe"])
def test_quarter_hours_neither_skip_nor_repeat(zone: str) -> None:
    quarters = cron("*/15 * * * *", ZoneInfo(zone))

    slots = walk(quarters, utc("2026-01-01T00:00"), utc("2027-01-01T00:00"))

    assert {later - earlier for earlier, later in pairwise(slots)} == {timedelta(minutes=15)}


def test_times_that_one_gap_swallows_are_one_slot() -> None:
    often = cron("0,20,40 2 * * *", ZoneInfo("America/New_York"))

    slots = walk(often, utc("2026-03-08T00:00"), utc("2026-03-09T00:00"))

    assert slots == [utc("2026-03-08T07:00")]


@given(recurrences, instants)
def test_the_slots_around_an_instant_are_neighbours(recurrence: Cron | Every, instant: datetime) -> None:
    before, after = recurrence.previous(instant), recurrence.next(instant)

    assert before <= instant < after
    assert recurrence.next(before) == after
    assert recurrence.previous(after) == after
    assert recurrence.previous(after - timedelta(microseconds=1)) == before


def test_an_interval_counts_from_the_epoch() -> None:
    every = Every(timedelta(seconds=90))

    assert every.previous(utc("1970-01-01T00:04:31")) == utc("1970-01-01T00:04:30")
    assert every.next(utc("1970-01-01T00:04:30")) == utc("1970-01-01T00:06:00")


def test_an_interval_is_counted_in_utc_for_a_clock_in_another_zone() -> None:
    berlin = datetime(2026, 10, 25, 2, 59, 59, fold=1, tzinfo=ZoneInfo("Europe/Berlin"))

    assert Every(timedelta(hours=1)).previous(berlin) == utc("2026-10-25T01:00")


def test_the_29th_of_february_is_found_across_the_years() -> None:
    leap = cron("0 0 29 2 *", ZoneInfo("UTC"))

    assert leap.next(utc("2096-03-01T00:00")) == utc("2104-02-29T00:00")
    assert leap.previous(utc("2104-02-28T00:00")) == utc("2096-02-29T00:00")


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("0 2 * *", "is not minute, hour"),
        ("61 2 * * *", "61 2 * * *"),
        ("0 2 * * 1", "name them"),
        ("daily", "is not minute, hour"),
        ("0 0 31 2 *", "never due"),
    ],
)
def test_a_cron_that_cannot_be_read_is_refused_with_its_text(expression: str, reason: str) -> None:
    with pytest.raises(InvalidCronError, match=reason.replace("*", r"\*")):
        cron(expression, ZoneInfo("UTC"))
