"""A whole TutorMax on loopback whose every part the drill can stop, kill and start again."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import make_url, text

from tests.faults.harness import Redis, free_port
from tests.surroundings import environment
from tutormax import db, processes, schema
from tutormax.broker import Queue
from tutormax.processes import Children
from tutormax.servers.account import account_for
from tutormax.servers.place import place_of
from tutormax.servers.postgres import postgres
from tutormax.servers.program import Program, start, stop

DRILL = "tests.ops.drill_actors"
METRICS_PORTS = 12


class Postgres:
    """A PostgreSQL of the drill's own."""

    def __init__(self, directory: Path) -> None:
        place = place_of(directory)
        account = account_for(place.data_dir)
        self.sockets = place.make_sockets()
        account.give(self.sockets)
        self._place = place
        self.program: Program = postgres(place.data_dir, self.sockets, account)
        self.process: subprocess.Popen[bytes] = start(self.program)

    def stop(self) -> None:
        """Stop it as an administrator would."""
        stop(self.program, self.process)

    def start(self) -> None:
        """Start it again."""
        self.process = start(self.program)

    def close(self) -> None:
        """Stop it for good."""
        self.stop()
        self._place.remove_sockets(self.sockets)


class Desk:
    """Workers, scheduler and two exporters, each under a name."""

    def __init__(self, children: Children, database: Postgres, redis: Redis) -> None:
        self.children = children
        self.database = database
        self.redis = redis
        self.exporters = [int(os.environ["TUTORMAX_EXPORTER_PORT"]), free_port()]
        self.commands = {
            # Everything but prediction, which is the queue that loses its workers.
            "worker": self._worker(*(queue for queue in Queue if queue is not Queue.PREDICTION), threads=4),
            "predictor": self._worker(Queue.PREDICTION, threads=2),
            "scheduler": [sys.executable, "-m", "tests.ops.drill_scheduler"],
            "exporter": processes.exporter_command(),
            "second exporter": ["env", f"TUTORMAX_EXPORTER_PORT={self.exporters[1]}", *processes.exporter_command()],
        }

    @property
    def addresses(self) -> Mapping[str, str]:
        """Where the exporters that others write find the two stores."""
        url = make_url(self.database.program.url)
        return {
            "redis": f"redis://127.0.0.1:{self.redis.port}",
            "postgres": f"host={url.query['host']} user={url.username} dbname={url.database} sslmode=disable",
        }

    @staticmethod
    def _worker(*queues: Queue, threads: int) -> list[str]:
        return [sys.executable, "-m", "dramatiq", "actors", DRILL, "-p", "1", "-t", str(threads), "-Q", *queues]

    def start(self, *names: str) -> None:
        """Start some processes, all unless named."""
        for name in names or self.commands:
            self.children.start(name, self.commands[name])

    def stop(self, name: str) -> None:
        """Stop one process as an operator would."""
        process = self.children.running[name]
        process.terminate()
        process.wait(30)

    def kill(self, name: str) -> None:
        """Kill one process, and the worker below its master."""
        process = self.children.running[name]
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    @staticmethod
    def ask(statement: str, **bound: object) -> Any:
        """Return the one value that a statement answers."""
        with db.transaction() as connection:
            return connection.execute(text(statement), bound).scalar()

    @staticmethod
    def do(statement: str, **bound: object) -> None:
        """Change something in the database."""
        with db.transaction() as connection:
            connection.execute(text(statement), bound)

    @staticmethod
    def vacuum() -> None:
        """Do at once what autovacuum would do within a minute."""
        with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("vacuum analyze jobs")


@contextmanager
def desk() -> Iterator[Desk]:
    """Run everything, and this process as one of its clients."""
    with ExitStack() as stack:
        # Not below pytest's own directory: under root the server is another user.
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tutormax-drill-")))
        database = Postgres(directory / "data")
        stack.callback(database.close)
        redis = Redis()
        stack.callback(redis.kill)
        first_port = free_port()
        stack.enter_context(
            environment(
                DATABASE_URL=database.program.url,
                REDIS_URL=redis.url,
                TUTORMAX_METRICS_PORTS=f"{first_port}-{first_port + METRICS_PORTS}",
                TUTORMAX_EXPORTER_PORT=str(free_port()),
                # Short, so that a killed worker's job is soon another's; and no busy machine makes a worker lose it.
                TUTORMAX_JOB_LEASE_SECONDS="10",
                TUTORMAX_RING_AGAIN_SECONDS="2",
                WORKER_RETRY_BACKOFF="1",
                TUTORMAX_LOG_LEVEL="WARNING",
            )
        )
        with db.transaction() as connection:
            schema.upgrade(connection)
        Desk.do("create table drill_broken (broken boolean)")
        children = stack.enter_context(processes.children(logs=directory / "logs"))
        made = Desk(children, database, redis)
        made.start()
        try:
            yield made
        finally:
            if os.environ.get("DRILL_LOGS"):
                _show(directory / "logs")


def _show(logs: Path) -> None:
    for log in sorted(logs.glob("*.log")):
        sys.stderr.write(f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}\n")
