"""`python -m tests.ops.drill_scheduler`: the scheduler with its own timetable, and one schedule of the drill."""

from datetime import timedelta

from schedules import daemon
from schedules.slots import Every
from schedules.tick import CatchUp, Entry
from schedules.timetable import timetable
from tests.ops.drill_actors import drill_tick
from tutormax import log, settings

INTERVAL = timedelta(seconds=5)
GRACE = timedelta(seconds=3)

if __name__ == "__main__":
    limits = settings.current()
    log.configure(json=limits.log_json, level=limits.log_level)
    daemon.serve((*timetable(limits), Entry("drill", Every(INTERVAL), drill_tick, CatchUp.NONE, GRACE)), limits)
