"""Twenty deploys under load: old code and new code side by side, and nothing is dead-lettered or counted."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from sqlalchemy import text

from tests.faults.harness import ROOT, Redis, eventually, left, relaying, states
from tests.jobs import newer_probes, probes
from tutormax import db

pytestmark = pytest.mark.timeout(400)

DEPLOYS = 20
JOBS_A_DEPLOY = 15
PATIENCE_SECONDS = 120.0


@contextmanager
def worker(redis: Redis, served: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker of the old or the new code; stop it at the end as a deploy does."""
    command = [sys.executable, "-m", "dramatiq", served, "-p", "1", "-t", "2"]
    environment = os.environ | {"DRAMATIQ_BROKER_URL": redis.url, "TUTORMAX_JOB_LEASE_SECONDS": "5"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)


def begun(count: int) -> bool:
    """Tell whether more than so many jobs have begun, or ended."""
    found = states()
    return sum(found.values()) - found.get("pending", 0) > count


def test_deploys_under_load_lose_nothing_and_spend_no_attempt(own_redis: Redis) -> None:
    sent = []
    # One worker of each code stays; the other is deployed anew, again and again.
    with relaying(), worker(own_redis, "tests.jobs.newer_probes"):
        for deploy in range(DEPLOYS):
            with worker(own_redis, "tests.jobs.probes" if deploy % 2 else "tests.jobs.newer_probes") as deployed:
                for number in range(JOBS_A_DEPLOY):
                    mark = f"{deploy:02} {number:02}"
                    # Every third job is of an actor that the old code has never heard of.
                    (newer_probes.leave_mark_anew if number % 3 == 0 else probes.leave_mark).send(mark, 0.05)
                    sent.append(mark)
                # In the middle of it: some have begun, some have not.
                eventually(partial(begun, len(sent) - 10))
                assert deployed.poll() is None
        eventually(lambda: states() == {"done": len(sent)}, seconds=PATIENCE_SECONDS)

    assert left() == sorted(sent)
    with db.transaction() as connection:
        spent = connection.execute(text("select max(attempts), max(recoveries) from jobs")).one()
    assert spent == (1, 0)


def test_an_old_worker_leaves_a_new_actors_job_to_a_new_one(own_redis: Redis) -> None:
    job = newer_probes.leave_mark_anew.send("new", 0.0)

    with relaying(), worker(own_redis, "tests.jobs.probes") as old:
        probes.leave_mark.send("old")
        eventually(lambda: left() == ["old"], seconds=PATIENCE_SECONDS)
        # It has met the doorbell, and again the relay's.
        eventually(lambda: own_redis.waiting(probes.QUEUE) == 0, seconds=PATIENCE_SECONDS)
        assert old.poll() is None
        assert states() == {"done": 1, "pending": 1}
        with worker(own_redis, "tests.jobs.newer_probes"):
            eventually(lambda: states() == {"done": 2}, seconds=PATIENCE_SECONDS)

    with db.transaction() as connection:
        found = connection.execute(
            text("select attempts, recoveries from jobs where job_id = :job"), {"job": job}
        ).one()
    assert found == (1, 0)
    assert left() == ["new", "old"]
