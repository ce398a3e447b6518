"""The keeper renews whatever runs here, whoever else stumbles, waits or is replaced."""

import time
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import text

from tests.faults.harness import eventually
from tests.jobs import probes
from tutormax import db
from tutormax.jobs import lease as leases
from tutormax.jobs.job import Interruption, Job, ReplacedInterruption
from tutormax.jobs.keeper import Keeper

pytestmark = pytest.mark.usefixtures("own_ledger")


def running(job_id: UUID, *, seconds: float = 30) -> Job:
    with db.transaction() as connection:
        held = leases.take(connection, job_id, seconds=seconds, worker="test")
    assert held is not None
    return Job(held, db.engine(), lease_seconds=30, time_limit_seconds=60)


def row(job_id: UUID) -> Any:
    with db.transaction() as connection:
        return connection.execute(text("select * from jobs where job_id = :job"), {"job": job_id}).one()


def lease_until(job: Job) -> datetime:
    until: datetime = row(job.id).lease_until
    return until


def give_up(why: type[Interruption]) -> None:
    raise AssertionError(why)


def test_of_two_attempts_in_one_process_the_older_hears_of_it_and_the_newer_is_kept() -> None:
    keeper, job_id = Keeper(), probes.leave_mark.send("a")
    older = running(job_id, seconds=-1)
    newer = running(job_id)

    def hear() -> None:
        with keeper.watch(older, give_up):
            keeper.renew(time.monotonic())
            time.sleep(5)

    with keeper.watch(newer, give_up):
        with pytest.raises(ReplacedInterruption):
            hear()
        before = lease_until(newer)
        keeper.renew(time.monotonic())

        assert lease_until(newer) > before


def test_a_locked_row_keeps_no_other_lease_waiting_and_is_not_taken_for_lost() -> None:
    keeper, locked, free = Keeper(), running(probes.leave_mark.send("a")), running(probes.leave_mark.send("b"))

    with keeper.watch(locked, give_up), keeper.watch(free, give_up):
        before = lease_until(locked), lease_until(free)
        with db.engine().begin() as holder:
            holder.execute(text("select from jobs where job_id = :job for update"), {"job": locked.id})
            keeper.renew(time.monotonic())
            assert lease_until(locked) == before[0]
            assert lease_until(free) > before[1]
        keeper.renew(time.monotonic())
        assert lease_until(locked) > before[0]


@pytest.mark.parametrize("count", [Decimal(3), 0.5, "3"])
def test_progress_that_is_no_number_of_things_is_refused_where_it_is_reported(count: Any) -> None:
    with pytest.raises(TypeError):
        running(probes.leave_mark.send("a")).report(count)


def test_progress_arrives_whatever_its_note_holds() -> None:
    keeper, job = Keeper(), running(probes.leave_mark.send("a"))
    count: Any = np.int64(3)

    job.report(count, 4, "half \0 a \ud800 file")
    with keeper.watch(job, give_up):
        keeper.renew(time.monotonic())

    assert row(job.id).progress == {"done": 3, "total": 4, "note": "half \\0 a \\ud800 file"}


def test_a_missed_beat_is_not_the_last_one() -> None:
    class Stumbling(Keeper):
        beats = 0

        def renew(self, now: float) -> None:
            self.beats += 1
            if self.beats == 1:
                raise RuntimeError("stumbled")
            super().renew(now)

    keeper, job = Stumbling(), running(probes.leave_mark.send("a"))
    before = lease_until(job)

    with keeper.watch(job, give_up):
        keeper.start()
        eventually(lambda: lease_until(job) > before)

    assert keeper.beats > 1
