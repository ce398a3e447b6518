"""Messages of any shape in a queue's list: none hurts a worker, and the next good one runs."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.faults.harness import Redis, Worker, eventually, relaying, states
from tests.fuzz.scale import examples
from tests.jobs import probes
from tests.jobs.probes import QUEUE
from tutormax import broker, db
from tutormax.jobs import ring

# 10,000 messages by `make fuzz`.
MESSAGES = 50
GOOD: dict[str, Any] = {
    "queue_name": QUEUE,
    "actor_name": "leave_mark",
    "args": ["00000000-0000-0000-0000-000000000000"],
    "kwargs": {},
    "options": {},
    "message_id": "m",
    "message_timestamp": 1,
}
OPTIONS = (
    "time_limit",
    "max_retries",
    "on_success",
    "on_failure",
    "pipe_target",
    "eta",
    "max_age",
    "delay",
    "priority",
)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from([*GOOD, "unknown", "__class__", ""])
options = st.dictionaries(st.sampled_from(OPTIONS), values, min_size=1, max_size=3)
ids = st.uuids().map(str) | st.sampled_from(["", "1", "../../etc/passwd", "'; drop table jobs; --", "\0"])


def _encoded(envelope: object) -> bytes:
    return json.dumps(envelope).encode("utf-8", "surrogatepass")


wrong_fields = st.dictionaries(names, values, max_size=3).map(lambda changed: _encoded(GOOD | changed))
missing_fields = st.sets(st.sampled_from(sorted(GOOD)), min_size=1).map(
    lambda gone: _encoded({name: value for name, value in GOOD.items() if name not in gone})
)
steering = options.map(lambda given: _encoded(GOOD | {"options": given}))
other_jobs = st.lists(ids, max_size=3).map(lambda given: _encoded(GOOD | {"args": given}))
nested = st.integers(1, 5000).map(lambda depth: b"[" * depth)
cut = st.integers(0, len(_encoded(GOOD))).map(lambda length: _encoded(GOOD)[:length])
large = st.integers(4000, 20_000).map(lambda length: _encoded(GOOD | {"message_id": "m" * length}))
envelopes = st.one_of(
    wrong_fields, missing_fields, steering, other_jobs, nested, cut, large, st.binary(max_size=60), values.map(_encoded)
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "worker.log"


@pytest.fixture
def working(database: str, log: Path) -> Iterator[Redis]:
    """A worker of two threads on a Redis of its own."""
    assert database
    redis = Redis()
    bell = broker.DoorbellBroker(redis.url)
    ring.use(bell)
    with db.transaction() as connection:
        probes.make_effects(connection)
    with log.open("w") as output, Worker(redis.url, output=output):
        yield redis
    ring.use(None)
    bell.close()
    redis.close()


PATIENT = settings(deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))


class Sent:
    """What was sent well."""

    count = 0


def good(seconds: float = 0.0) -> None:
    """Send a job that is to be done whatever lies before it."""
    probes.leave_mark.send(str(uuid.uuid4()), seconds)
    Sent.count += 1


@pytest.mark.timeout(900)
def test_no_message_hurts_a_worker_and_the_next_good_one_runs(working: Redis, log: Path) -> None:
    Sent.count = 0
    pushed = 0
    # It is up.
    good()
    eventually(lambda: states() == {"done": 1}, seconds=90)

    # What fails is not made smaller: each try may take as long as patience lasts.
    @settings(PATIENT, max_examples=examples(6, 200))
    @given(st.lists(envelopes, min_size=MESSAGES, max_size=MESSAGES))
    def whatever_comes(messages: list[bytes]) -> None:
        nonlocal pushed
        working.client().rpush(broker.list_name(QUEUE), *messages)
        pushed += len(messages)
        good()
        eventually(lambda: states().get("done", 0) == Sent.count)

    whatever_comes()

    # Both threads are there: two jobs that take a second overlap.
    good(1.0)
    good(1.0)
    eventually(lambda: states() == {"running": 2, "done": Sent.count - 2})
    eventually(lambda: states() == {"done": Sent.count})
    assert pushed >= examples(6, 200) * MESSAGES
    assert "Traceback" not in log.read_text()


def test_malformed_messages_by_the_thousand_delay_the_next_good_one_by_less_than_ten_seconds(working: Redis) -> None:
    Sent.count = 0
    good()
    eventually(lambda: states() == {"done": 1}, seconds=90)
    pipeline = working.client().pipeline(transaction=False)
    for number in range(examples(1000, 10_000)):
        pipeline.rpush(broker.list_name(QUEUE), b"\xff" * (number % 100))
    pipeline.execute()

    # So many doorbells lie there that nobody adds one; the relay does as soon as there is room.
    with relaying():
        good()

        # The promise itself, so here a time is what is asserted.
        eventually(lambda: states() == {"done": 2}, seconds=10)
