"""Celery on Redis: forked workers, messages acknowledged when their task has ended."""

import os
import time
from collections.abc import Sequence

from celery import Celery

from tests.benchmarks.engines.engine import Engine, Task
from tests.benchmarks.engines.marks import client, told

QUEUE = "celery_benchmark"
# What others call unix:// it calls redis+socket://.
app = Celery("benchmark", broker=os.environ["REDIS_URL"].replace("unix://", "redis+socket://"))
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=4,
    task_ignore_result=True,
    task_default_queue=QUEUE,
    broker_connection_retry_on_startup=True,
)


@app.task
def nothing() -> None:
    """Do nothing."""


@app.task
def wait() -> None:
    """Wait as for a network."""
    time.sleep(0.01)


@app.task
def tell() -> None:
    """Tell when it began."""
    told(time.time())


TASKS = {Task.NOTHING: nothing, Task.WAIT: wait, Task.TELL: tell}


class CeleryRedis(Engine):
    """As its documentation starts it; its processes take the place of threads."""

    name = "Celery"

    def command(self, processes: int, threads: int) -> Sequence[str]:
        """Return the worker's command."""
        return ("celery", "-A", f"{__name__}:app", "worker", "-c", str(processes), "-l", "ERROR")

    def send(self, task: Task, count: int) -> None:
        """Send one by one."""
        for _ in range(count):
            TASKS[task].delay()

    def left(self) -> int:
        """Count what waits or is not acknowledged."""
        return int(client().llen(QUEUE)) + int(client().hlen("unacked"))
