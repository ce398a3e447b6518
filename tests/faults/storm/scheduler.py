"""`python -m tests.faults.storm.scheduler`: the daemon, with the storm's timetable."""

from datetime import timedelta

from schedules import daemon
from schedules.slots import Every
from schedules.tick import CatchUp, Entry
from tests.faults.storm import actors
from tutormax import log, settings

# The newest slot of these is made up for: unless every daemon is away for longer than this, none is missing.
CAUGHT_UP_SECONDS = (20, 25, 30)
# Of these only doubles are wrong.
FLEETING_SECONDS = 2


def timetable() -> tuple[Entry, ...]:
    """Return the storm's schedules."""
    caught_up = (
        Entry(f"every_{seconds}", Every(timedelta(seconds=seconds)), actors.scheduled, CatchUp.LAST)
        for seconds in CAUGHT_UP_SECONDS
    )
    fleeting = Entry("fleeting", Every(timedelta(seconds=FLEETING_SECONDS)), actors.scheduled, CatchUp.NONE)
    return (*caught_up, fleeting)


if __name__ == "__main__":
    limits = settings.current()
    log.configure(json=limits.log_json, level=limits.log_level)
    daemon.serve(timetable(), limits)
