"""The timetable as people and programs read it: every schedule and its next fire times."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from rich.table import Table

from schedules.tick import Entry


def upcoming(entry: Entry, now: datetime, count: int) -> Iterator[datetime]:
    """Yield the next slots of an entry, in UTC."""
    for _ in range(count):
        now = entry.when.next(now)
        yield now


def as_json(entries: Sequence[Entry], now: datetime, count: int) -> list[dict[str, Any]]:
    """Return the timetable as plain values."""
    return [
        {
            "schedule": entry.name,
            "when": str(entry.when),
            "zone": entry.when.zone.key,
            "catch_up": str(entry.catch_up),
            "actor": entry.actor.actor_name,
            "queue": entry.actor.queue_name,
            "next": [
                {"utc": slot.isoformat(), "local": slot.astimezone(entry.when.zone).isoformat()}
                for slot in upcoming(entry, now, count)
            ],
        }
        for entry in entries
    ]


def as_table(entries: Sequence[Entry], now: datetime, count: int) -> Table:
    """Return the timetable as a table."""
    table = Table(title="Timetable", title_justify="left", header_style="bold", box=None, pad_edge=False)
    for heading in ("schedule", "when", "next (UTC)", "next (zone)"):
        table.add_column(heading, no_wrap=True)
    for heading in ("zone", "catch-up", "actor"):
        table.add_column(heading)
    for entry in entries:
        slots = list(upcoming(entry, now, count))
        table.add_row(
            entry.name,
            str(entry.when),
            "\n".join(f"{slot:%Y-%m-%d %H:%M:%S}" for slot in slots),
            "\n".join(f"{slot.astimezone(entry.when.zone):%a %Y-%m-%d %H:%M:%S %z}" for slot in slots),
            entry.when.zone.key,
            str(entry.catch_up),
            entry.actor.actor_name,
        )
    return table
