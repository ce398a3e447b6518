"""Dramatiq with its own Redis broker and its own settings; it keeps no record of what was done."""

import os
import time
from collections.abc import Sequence

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from tests.benchmarks.engines.engine import Engine, Task
from tests.benchmarks.engines.marks import client, told

QUEUE = "stock"
broker = RedisBroker(url=os.environ["REDIS_URL"])  # type: ignore[no-untyped-call]  # dramatiq leaves it untyped


@dramatiq.actor(queue_name=QUEUE, broker=broker)
def nothing() -> None:
    """Do nothing."""


@dramatiq.actor(queue_name=QUEUE, broker=broker)
def wait() -> None:
    """Wait as for a network."""
    time.sleep(0.01)


@dramatiq.actor(queue_name=QUEUE, broker=broker)
def tell() -> None:
    """Tell when it began."""
    told(time.time())


TASKS = {Task.NOTHING: nothing, Task.WAIT: wait, Task.TELL: tell}


class StockDramatiq(Engine):
    """As its documentation starts it."""

    name = "Dramatiq"

    def command(self, processes: int, threads: int) -> Sequence[str]:
        """Return the worker's command."""
        return ("dramatiq", f"{__name__}:broker", "-p", str(processes), "-t", str(threads), "-Q", QUEUE)

    def send(self, task: Task, count: int) -> None:
        """Send one by one."""
        for _ in range(count):
            TASKS[task].send()

    def left(self) -> int:
        """Count what waits or is not acknowledged: a message stays in the queue's hash until then."""
        return int(client().hlen(f"dramatiq:{QUEUE}.msgs"))
