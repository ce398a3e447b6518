"""`make bench`: every benchmark, or the named ones; results are printed and kept under output/benchmarks/."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import text

from tests.benchmarks import sizes
from tests.benchmarks.measure import Figure, keep, machine, show
from tests.benchmarks.sheets import Aspect
from tutormax import broker, db, log, schema, servers

SUITES = ("jobs", "limits", "stages", "ingest", "training")
# What the time of a statement depends on.
TUNED = ("server_version", "shared_buffers", "work_mem", "maintenance_work_mem", "max_wal_size", "fsync")


def main(names: list[str]) -> None:
    """Run the suites on embedded servers of their own."""
    log.configure(json=False, level="ERROR")
    facts = machine() | {"size": sizes.chosen().name}
    with tempfile.TemporaryDirectory() as directory, servers.embedded(Path(directory)) as served:
        # For this process and the workers that it starts. Of 150,000 tutors a bare statement may take minutes.
        os.environ.update(DATABASE_URL=served.database_url, REDIS_URL=served.broker_url)
        os.environ.setdefault("TUTORMAX_STATEMENT_TIMEOUT_SECONDS", "3600")
        broker.install()
        with db.transaction() as connection:
            schema.upgrade(connection)
            facts["postgres"] = {name: connection.execute(text(f"show {name}")).scalar_one() for name in TUNED}
        figures: list[Figure] = []
        try:
            for figure in (figure for name in names or SUITES for figure in _suite(name)()):
                figures.append(figure)
                if figure.aspect not in (None, Aspect.WALL):
                    continue
                sys.stdout.write(f"{figure.name}: {figure.value:.3g} {figure.unit}\n")
                sys.stdout.flush()
        finally:
            # Also what an hour had measured before the next figure failed.
            _keep(figures, facts)
        db.dispose()


def _keep(figures: list[Figure], facts: dict[str, Any]) -> None:
    show(figures, facts)
    named = os.environ.get("KEEP_AS")
    file = Path(named) if named else Path("output/benchmarks") / f"{facts['at'].replace(':', '')}.json"
    keep(figures, facts, file)
    sys.stdout.write(f"kept in {file}\n")


def _suite(name: str) -> Callable[[], Iterator[Figure]]:
    suite: Callable[[], Iterator[Figure]] = import_module(f"tests.benchmarks.{name}").figures
    return suite


if __name__ == "__main__":
    main(sys.argv[1:])
