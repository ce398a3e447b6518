"""TutorMax itself: every job a row of the ledger, its completion committed."""

import time
from collections.abc import Sequence

from sqlalchemy import text

from tests.benchmarks.engines.engine import Engine, Task
from tests.benchmarks.engines.marks import told
from tutormax import broker, db, jobs, middleware, schema
from tutormax.jobs import Job, actor

broker.install(middleware=middleware.standard(), fit=schema.fit)

QUEUE = "benchmark"


@actor(queue=QUEUE, time_limit=60)
def nothing(job: Job) -> None:
    """Do nothing."""


@actor(queue=QUEUE, time_limit=60)
def wait(job: Job) -> None:
    """Wait as for a network."""
    time.sleep(0.01)


@actor(queue=QUEUE, time_limit=60)
def tell(job: Job) -> None:
    """Tell when it began."""
    told(time.time())


TASKS = {Task.NOTHING: nothing, Task.WAIT: wait, Task.TELL: tell}


class TutorMax(Engine):
    """Its own broker and ledger."""

    name = "TutorMax"

    def command(self, processes: int, threads: int) -> Sequence[str]:
        """Return the worker's command."""
        return ("dramatiq", __name__, "-p", str(processes), "-t", str(threads), "-Q", QUEUE)

    def send(self, task: Task, count: int) -> None:
        """Insert all in one transaction."""
        with db.transaction() as connection:
            jobs.insert(connection, [TASKS[task].request() for _ in range(count)])

    def left(self) -> int:
        """Count what is not done."""
        with db.transaction() as connection:
            statement = text("select count(*) from jobs where state in ('pending', 'running')")
            return int(connection.execute(statement).scalar_one())
