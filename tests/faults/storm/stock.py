"""The same storm over Dramatiq as it comes, for contrast: its Redis broker, its defaults, and nothing of ours.

`dramatiq tests.faults.storm.stock` serves it. A job is its message; its effect is a row, as everywhere in the storm.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import CurrentMessage
from sqlalchemy import text

from tests.faults.storm.books import MUST_DIE, Books, Script
from tests.faults.storm.cluster import Cluster
from tests.faults.storm.producer import Producer
from tutormax import db

QUEUE = "default"
# As long as two of its first retries and its longest reclaim that we have seen described.
STILL_SECONDS = 60.0
LONGEST_SECONDS = 240.0

broker = RedisBroker(url=os.environ.get("REDIS_URL", "redis://127.0.0.1:1"))  # type: ignore[no-untyped-call]  # theirs
broker.add_middleware(CurrentMessage())
dramatiq.set_broker(broker)


class ScriptedError(Exception):
    """The script says that this attempt fails."""


@dramatiq.actor(queue_name=QUEUE)
def follow(job_id: str, script: str, strength: float) -> None:
    """Do what the script says, and leave an effect."""
    if script == Script.POISON:
        os.kill(os.getpid(), signal.SIGKILL)
    message = CurrentMessage.get_current_message()
    if script == Script.STUMBLING and message is not None and not message.options.get("retries"):
        raise ScriptedError("the first attempt fails")
    if script == Script.SLOW:
        time.sleep(0.05 + 0.25 * strength)
    with db.transaction() as connection:
        connection.execute(
            text("insert into effects values (:job_id, 0, 0, clock_timestamp(), clock_timestamp())"), {"job_id": job_id}
        )


@dataclass(slots=True)
class StockProducer(Producer):
    """Sends messages; one is accepted when `send` returned."""

    @property
    def lists(self) -> Sequence[str]:
        """The Redis key where messages wait."""
        return [f"dramatiq:{QUEUE}"]

    def _send(self, drawn: Sequence[tuple[UUID, Script, float]]) -> None:
        for job_id, script, strength in drawn:
            try:
                follow.send(str(job_id), script.value, strength)
            except Exception:  # noqa: BLE001 - whatever it is, nobody knows whether it was sent
                self.books.doubt([(job_id, script)])
            else:
                self.books.accept([(job_id, script)])


@dataclass(frozen=True, slots=True)
class StockCounts:
    """What became of the messages."""

    accepted: int
    lost: int
    doubled: int


def effects(cluster: Cluster) -> int:
    """Return how many effects there are."""
    return int(str(cluster.ask("select count(*) from effects")))


def wait_until_still(cluster: Cluster) -> None:
    """Wait until nothing has happened for a while."""
    end, still_since, seen = time.monotonic() + LONGEST_SECONDS, time.monotonic(), -1
    while time.monotonic() < min(end, still_since + STILL_SECONDS):
        now = effects(cluster)
        if now != seen:
            still_since, seen = time.monotonic(), now
        time.sleep(1)


def judge(cluster: Cluster, books: Books) -> StockCounts:
    """Return how many accepted messages had no effect, and how many had more than one."""
    with cluster.engine.connect() as connection:
        found = Counter(connection.execute(text("select job_id from effects")).scalars())
    owed = [job_id for job_id, script in books.accepted.items() if script not in MUST_DIE]
    return StockCounts(len(books.accepted), sum(found[one] == 0 for one in owed), sum(found[one] > 1 for one in owed))
