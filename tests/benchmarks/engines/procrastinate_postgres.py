"""Procrastinate: jobs in PostgreSQL, fetched one by one."""

import os
import time
from collections.abc import Sequence

import procrastinate
import psycopg
from sqlalchemy import make_url

from tests.benchmarks.engines.engine import Engine, Task
from tests.benchmarks.engines.marks import told

QUEUE = "procrastinate_benchmark"


def _url() -> str:
    return make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql").render_as_string(hide_password=False)


app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=_url()))


@app.task(queue=QUEUE)
def nothing() -> None:
    """Do nothing."""


@app.task(queue=QUEUE)
def wait() -> None:
    """Wait as for a network."""
    time.sleep(0.01)


@app.task(queue=QUEUE)
def tell() -> None:
    """Tell when it began."""
    told(time.time())


TASKS = {Task.NOTHING: nothing, Task.WAIT: wait, Task.TELL: tell}


class Procrastinate(Engine):
    """As its documentation starts it, once for each process."""

    name = "Procrastinate"

    def __init__(self) -> None:
        super().__init__()
        with app.open():
            app.schema_manager.apply_schema()

    def command(self, processes: int, threads: int) -> Sequence[str]:
        """Return the worker's command."""
        return ("procrastinate", f"--app={__name__}.app", "worker", "-q", QUEUE, "-c", str(threads))

    def start(self, processes: int, threads: int) -> None:
        """Start its workers, of which each is one process."""
        started = []
        for _ in range(processes):
            super().start(1, threads)
            started += self._workers
        self._workers = started

    def send(self, task: Task, count: int) -> None:
        """Send all in one statement."""
        with app.open():
            TASKS[task].batch_defer(*({} for _ in range(count)))

    def left(self) -> int:
        """Count what is not done."""
        with psycopg.connect(_url()) as connection:
            row = connection.execute(
                "select count(*) from procrastinate_jobs where status in ('todo', 'doing')"
            ).fetchone()
        assert row is not None
        return int(row[0])
