"""Jobs that kill their workers, hold them, or do not hear that they are to stop: they end, and others go on."""

import os
import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import text

from tests.faults.harness import Redis, Worker, eventually, left, relaying, states
from tests.jobs import probes
from tutormax import db

pytestmark = pytest.mark.timeout(400)

PATIENCE_SECONDS = 90.0
# A lease of a second, and a second more for what outlives its limit.
SHORT: dict[str, Any] = {
    "TUTORMAX_JOB_LEASE_SECONDS": "1",
    "TUTORMAX_STUCK_SECONDS": "1",
    "TUTORMAX_RING_AGAIN_SECONDS": "2",
}


def test_whoever_runs_beside_a_job_that_kills_its_workers_is_not_taken_for_guilty(own_redis: Redis) -> None:
    for number in range(3):
        probes.leave_mark.send(f"innocent {number}", 1.0)
    probes.die_later.send("poison", 0.5)

    with relaying():
        for _ in range(8):
            with Worker(own_redis.url, threads=4) as worker:
                eventually(
                    lambda: worker.process.poll() is not None or states() == {"done": 3, "dead": 1},
                    seconds=PATIENCE_SECONDS,
                )

    assert states() == {"done": 3, "dead": 1}
    assert left() == [f"innocent {number}" for number in range(3)]


def test_a_call_that_holds_the_interpreter_is_ended_and_in_the_end_quarantined(own_redis: Redis) -> None:
    probes.hold_the_interpreter.send("held")

    with relaying():
        ended = 0
        while states() != {"dead": 1}:
            with Worker(own_redis.url, threads=1, **SHORT) as worker:
                eventually(
                    lambda: worker.process.poll() is not None or states() == {"dead": 1}, seconds=PATIENCE_SECONDS
                )
                ended += worker.process.poll() is not None

    assert ended == 3
    assert left() == []
    with db.transaction() as connection:
        assert connection.execute(text("select error_type from jobs")).scalar() == "Quarantined"


def test_a_call_that_holds_the_interpreter_before_the_first_beat_is_ended() -> None:
    source = "from tutormax.jobs.keeper import keeper; keeper().own_process(); sum(range(10**11))"

    held = subprocess.run([sys.executable, "-c", source], env=os.environ | SHORT, timeout=30, check=False)

    assert held.returncode == 1


def test_a_call_that_no_exception_reaches_is_given_up_and_its_process_ended(own_redis: Redis) -> None:
    job = probes.sleep_on.send("stuck", 600)
    probes.count_piece_by_piece.send("beside", 1000, 0.05)

    with relaying(), Worker(own_redis.url, **SHORT) as worker:
        eventually(lambda: worker.process.poll() is not None, seconds=PATIENCE_SECONDS)

    with db.transaction() as connection:
        stuck = connection.execute(text("select * from jobs where job_id = :job"), {"job": job}).one()
        beside = connection.execute(text("select * from jobs where job_id <> :job"), {"job": job}).one()
    assert (stuck.state, stuck.error_type, stuck.recoveries) == ("dead", "TimeLimitExceededError", 0)
    assert (beside.state, beside.attempts, beside.recoveries) == ("pending", 0, 0)
    assert beside.cursor > 0


def test_a_worker_told_to_stop_gives_back_what_does_not_hear(own_redis: Redis) -> None:
    job = probes.sleep_through.send("deaf", 600)
    with relaying(), Worker(own_redis.url) as worker:
        eventually(lambda: states() == {"running": 1})
        worker.process.terminate()
        worker.process.wait(PATIENCE_SECONDS)

    with db.transaction() as connection:
        deaf = connection.execute(text("select * from jobs where job_id = :job"), {"job": job}).one()
    assert (deaf.state, deaf.attempts, deaf.recoveries) == ("pending", 0, 0)
