"""The timetable as it is shown."""

import io
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from rich.console import Console

from actors.default import CANARIES
from schedules.listing import as_json, as_table
from schedules.slots import Every, cron
from schedules.tick import CatchUp, Entry
from tutormax.broker import Queue

NOW = datetime(2026, 6, 15, 12, 7, tzinfo=UTC)
ENTRIES = (
    Entry("nightly", cron("0 2 * * *", ZoneInfo("America/New_York")), CANARIES[Queue.TRAINING], CatchUp.LAST),
    Entry("canary", Every(timedelta(seconds=30)), CANARIES[Queue.DEFAULT], CatchUp.NONE),
)


def test_the_next_fire_times_stand_in_utc_and_in_the_zone() -> None:
    nightly, canary = as_json(ENTRIES, NOW, count=2)

    assert nightly == {
        "schedule": "nightly",
        "when": "0 2 * * *",
        "zone": "America/New_York",
        "catch_up": "last",
        "actor": "canary_training",
        "queue": "training",
        "next": [
            {"utc": "2026-06-16T06:00:00+00:00", "local": "2026-06-16T02:00:00-04:00"},
            {"utc": "2026-06-17T06:00:00+00:00", "local": "2026-06-17T02:00:00-04:00"},
        ],
    }
    assert (canary["when"], canary["zone"]) == ("every 30 s", "UTC")
    assert [slot["utc"] for slot in canary["next"]] == ["2026-06-15T12:07:30+00:00", "2026-06-15T12:08:00+00:00"]


def test_the_table_shows_both_clocks() -> None:
    shown = io.StringIO()
    Console(file=shown, width=200).print(as_table(ENTRIES, NOW, count=1))

    line = next(line for line in shown.getvalue().splitlines() if "nightly" in line)
    assert "2026-06-16 06:00:00" in line
    assert "Tue 2026-06-16 02:00:00 -0400" in line
