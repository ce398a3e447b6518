"""Files of sessions taken in: by the command, by itself, beside COPY of the same rows ready, and beside an ORM."""

import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv
from sqlalchemy import select

from tests.benchmarks import orm
from tests.benchmarks.beside import Stage, in_turn
from tests.benchmarks.blobs import Blobs
from tests.benchmarks.costs import Cost, cost_of_command
from tests.benchmarks.goals import Measured
from tests.benchmarks.measure import Figure
from tests.benchmarks.sizes import DAYS, SESSIONS_PER_TUTOR_DAY, Size, chosen, rounds
from tutormax import db
from tutormax.ingest.stage import Terms, ingest_files
from tutormax.tables import sessions

MOST = 100_000
# Of which the ORM inserts enough to know what it costs.
SAMPLED = 5000
TUTORS, STUDENTS = 500, 5000
NEWEST = "organization_id = (select max(organization_id) from organizations)"


def figures() -> Iterator[Figure]:
    """Measure as many sessions as the marketplace has, but a hundred thousand at most."""
    size = chosen()
    number = min(size.sessions(), MOST)
    with tempfile.TemporaryDirectory() as directory:
        files = _files(Path(directory), number)
        yield from _ingest(size, number, files)
        yield from _command(size, number, files)


def _ingest(size: Size, number: int, files: list[Path]) -> Iterator[Figure]:
    customers = (f"customer {customer}" for customer in count())

    def ingested() -> None:
        reports = ingest_files(db.transaction, files, Terms(next(customers), datetime.now(UTC), known_at="event"))
        assert all(report.taken_in for report in reports)

    ingested()
    blobs, rows = Blobs.of(["sessions"], NEWEST), _rows()
    taken = in_turn(ingested, blobs.copy, lambda: orm.insert_sessions(rows), rounds(size))
    yield from Stage(Measured.INGEST, size, _tutors(number), number, *taken, len(rows) / number).figures()


def _command(size: Size, number: int, files: list[Path]) -> Iterator[Figure]:
    taken = [_by_command(files, f"commanded {customer}") for customer in range(rounds(size))]
    yield from Stage(Measured.INGEST_BY_COMMAND, size, _tutors(number), number, taken).figures()


def _by_command(files: list[Path], customer: str) -> Cost:
    options = ["--organization", customer, "--known-at", "event"]
    return cost_of_command([sys.executable, "-m", "tutormax.ingest", *map(str, files), *options])


def _tutors(number: int) -> int:
    """Return how many tutors give so many sessions in the days of a marketplace."""
    return round(number / DAYS / SESSIONS_PER_TUTOR_DAY)


def _rows() -> list[dict[str, object]]:
    """Return some of the sessions that were taken in last, as whoever read and checked them would hold them."""
    newest = select(*(each for each in sessions.columns if each.name != "session_id")).order_by(
        sessions.c.organization_id.desc(), sessions.c.scheduled_start
    )
    with db.transaction() as connection:
        return [dict(row) for row in connection.execute(newest.limit(SAMPLED)).mappings()]


def _files(directory: Path, number: int) -> list[Path]:
    tutors, rows = directory / "tutors.csv", directory / "sessions.csv"
    tutors.write_text("tutor_id,joined_at\n" + "".join(f"t{n},2026-01-05T00:00:00Z\n" for n in range(TUTORS)))
    numbers = np.arange(number)
    starts = np.datetime64("2026-03-01T08:00:00") + (numbers % 150_000).astype("timedelta64[m]")
    table = pa.table(
        {
            "session_id": [f"s{n}" for n in numbers],
            "tutor_id": [f"t{n % TUTORS}" for n in numbers],
            "student_id": [f"p{n % STUDENTS}" for n in numbers],
            "session_number": numbers // STUDENTS + 1,
            "subject": ["math"] * number,
            "scheduled_start": [f"{start}Z" for start in starts],
            "duration_minutes": [60] * number,
            "status": ["completed"] * number,
            "late_start_minutes": (numbers % 7).astype(float),
            "engagement_score": (numbers % 100) / 100,
        }
    )
    csv.write_csv(table, rows)
    return [tutors, rows]
