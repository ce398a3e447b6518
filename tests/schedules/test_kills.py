"""A day of daemons that are killed: no slot is missing, none is there twice."""

import multiprocessing
import random
import time
from collections import deque
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from tests.schedules.ticker import ENTRIES, tick_when_told
from tutormax import db
from tutormax.tables import jobs, schedule_slots

# The day on which New York's clocks go forward.
START = datetime(2026, 3, 8, tzinfo=UTC)
STEP = timedelta(minutes=15)
STEPS = 96
KILLS = 50
# Everything is imported once, and each process starts in a moment.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["pytest", "tests.schedules.ticker"])


class Ticker:
    """A process that ticks when its clock is moved."""

    def __init__(self, database_url: str) -> None:
        self.clock, its_clock = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=tick_when_told, args=(database_url, its_clock))
        self.process.start()
        its_clock.close()

    def wait(self, instant: datetime) -> None:
        """Wait until it has ticked at an instant."""
        while self.clock.recv() != instant:
            pass

    def kill(self) -> None:
        """Kill it, wherever it is."""
        self.process.kill()
        self.process.join()
        self.process.close()
        self.clock.close()


def storm(database_url: str, chance: random.Random) -> None:
    """Tick through a day on three processes, killing one of them 50 times."""
    tickers = deque(Ticker(database_url) for _ in range(3))
    struck = frozenset(chance.sample(range(STEPS + 1), KILLS))
    for number in range(STEPS + 1):
        instant = START + number * STEP
        for ticker in tickers:
            ticker.clock.send(instant)
        if number in struck:
            # A tick that sends something takes about this long: the kill falls before, into or after it.
            time.sleep(chance.uniform(0, 0.02))
            tickers.popleft().kill()
        for ticker in tickers:
            ticker.wait(instant)
        if len(tickers) < 3:
            tickers.append(Ticker(database_url))
    for ticker in tickers:
        ticker.kill()


def test_a_day_of_killed_daemons_misses_no_slot_and_doubles_none(database: str) -> None:
    storm(database, random.Random(7))  # noqa: S311  # nothing secret

    expected = set()
    for entry in ENTRIES:
        slot = entry.when.next(START - STEP)
        while slot <= START + STEPS * STEP:
            expected.add((entry.name, slot))
            slot = entry.when.next(slot)
    matching = select(schedule_slots.c.name, schedule_slots.c.slot).join(jobs, jobs.c.job_id == schedule_slots.c.job_id)
    with db.transaction() as connection:
        sent = {(row.name, row.slot) for row in connection.execute(matching)}
        assert sent == expected
        assert connection.execute(select(func.count()).select_from(jobs)).scalar_one() == len(expected)
