"""A daemon's tick for a process of its own, by a clock that a test moves."""

from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from zoneinfo import ZoneInfo

from schedules.slots import Every, cron
from schedules.tick import CatchUp, Entry, tick
from tutormax import db
from tutormax.db import Begin
from tutormax.jobs import Job, JobActor


def do_nothing(job: Job) -> None:
    """Do nothing."""


ACTOR = JobActor(do_nothing, queue="probes", time_limit=60, priority=0, max_retries=None)
ENTRIES = (
    Entry("interval", Every(timedelta(minutes=15)), ACTOR, CatchUp.NONE),
    Entry("quarter", cron("*/15 * * * *", ZoneInfo("America/New_York")), ACTOR, CatchUp.LAST),
    Entry("nightly", cron("0 2 * * *", ZoneInfo("America/New_York")), ACTOR, CatchUp.LAST),
)


def tick_at(instant: datetime, begin: Begin) -> None:
    """Tick where the clock shows an instant."""
    tick(ENTRIES, begin, clock=lambda _: instant)


def tick_when_told(database_url: str, clock: Connection) -> None:
    """Tick at each instant that comes, and send it back when that is done."""
    begin = db.connect(database_url).begin
    while True:
        instant = clock.recv()
        tick_at(instant, begin)
        clock.send(instant)
