"""Ten thousand messages that are none stand before a good one."""

import time
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.faults.harness import Redis, Worker, eventually, left, relaying, states
from tests.faults.storm.nemesis import forged
from tests.jobs import probes
from tutormax import broker, db

FORGED = 10_000


def finished_at(job: UUID) -> float:
    with db.transaction() as connection:
        found = connection.execute(
            text("select extract(epoch from finished_at)::float from jobs where job_id = :job"), {"job": job}
        )
        return float(found.scalar_one())


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ten_thousand_malformed_messages_keep_a_good_one_for_less_than_ten_seconds(own_redis: Redis) -> None:
    # Where so many lie in a queue nobody adds a doorbell; the relay does as soon as there is room.
    with relaying(), Worker(own_redis.url):
        probes.leave_mark.send("before")
        eventually(lambda: states() == {"done": 1})
        client = own_redis.client()
        kinds = forged()
        began = time.time()
        for _ in range(FORGED // len(kinds)):
            own_redis.client().rpush(broker.list_name(probes.QUEUE), *kinds)
        good = probes.leave_mark.send("after")

        eventually(lambda: states() == {"done": 2}, seconds=60)

    seconds = finished_at(good) - began
    print(f"a good message behind {FORGED} malformed ones was done after {seconds:.1f} s")  # noqa: T201 - the number is the proof
    assert left() == ["after", "before"]
    assert client.llen(broker.list_name(probes.QUEUE)) == 0
    assert seconds < 10
