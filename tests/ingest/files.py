"""Small files of every format, and how a test takes them in."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import pyarrow as pa
from pyarrow import parquet
from sqlalchemy import Connection, text

from tutormax.ingest import FileReport, Kind, Terms, ingest_files
from tutormax.ingest.report import RefusalSink

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
ORGANIZATION = "Acme Tutoring"
Row: TypeAlias = Mapping[str, Any]

TUTOR = {"tutor_id": "t1", "joined_at": "2026-01-05"}
SESSION = {
    "session_id": "s1",
    "tutor_id": "t1",
    "student_id": "p1",
    "session_number": "2",
    "scheduled_start": "2026-06-01T10:00:00",
    "duration_minutes": "60",
    "status": "completed",
}
FEEDBACK = {"feedback_id": "f1", "session_id": "s1", "rating": "5", "submitted_at": "2026-06-01T12:00:00"}
EVENT = {"event_id": "e1", "tutor_id": "t1", "event_type": "login", "event_time": "2026-06-02T08:00:00"}
VALID: dict[Kind, dict[str, str]] = {
    Kind.TUTORS: TUTOR,
    Kind.STUDENTS: {"student_id": "p1"},
    Kind.SESSIONS: SESSION,
    Kind.FEEDBACK: FEEDBACK,
    Kind.EVENTS: EVENT,
}
# The columns that hold a kind's own id.
IDS = {kind: next(iter(row)) for kind, row in VALID.items()}


def as_csv(rows: Sequence[Row]) -> bytes:
    """Return rows as a CSV file; a column that a row lacks is empty."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text_file = io.StringIO(newline="")
    writer = csv.DictWriter(text_file, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text_file.getvalue().encode()


def as_gzip(rows: Sequence[Row]) -> bytes:
    """Return rows as a compressed CSV file."""
    return gzip.compress(as_csv(rows))


def as_json_lines(rows: Sequence[Row]) -> bytes:
    """Return rows as JSON Lines."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_parquet(rows: Sequence[Row]) -> bytes:
    """Return rows as a Parquet file of texts."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    file = pa.BufferOutputStream()
    parquet.write_table(pa.table({name: [row.get(name) or None for row in rows] for name in names}), file)
    written: bytes = file.getvalue().to_pybytes()
    return written


FORMATS: dict[str, Callable[[Sequence[Row]], bytes]] = {
    "csv": as_csv,
    "csv.gz": as_gzip,
    "jsonl": as_json_lines,
    "parquet": as_parquet,
}


def write(directory: Path, name: str, content: bytes | Sequence[Row]) -> Path:
    """Write a file, of given bytes or of rows in the format that its name says."""
    path = directory / name
    path.write_bytes(content if isinstance(content, bytes) else FORMATS[name.partition(".")[2]](content))
    return path


class Desk:
    """A customer's desk: files are written into a directory and taken in, inside the test's transaction."""

    def __init__(self, connection: Connection, directory: Path) -> None:
        self.connection = connection
        self.directory = directory

    def write(self, name: str, content: bytes | Sequence[Row]) -> Path:
        """Write a file, of given bytes or of rows in the format that its name says."""
        return write(self.directory, name, content)

    def take_in(
        self,
        *paths: Path,
        now: datetime = NOW,
        zone: str | None = "UTC",
        known_at: str = "event",
        most_refused: float = 0.0,
        kind: Kind | None = None,
        on_refusal: RefusalSink | None = None,
    ) -> list[FileReport]:
        """Take files in for the organization."""
        terms = Terms(ORGANIZATION, now, ZoneInfo(zone) if zone else None, known_at, most_refused)
        return ingest_files(self.begin, paths, terms, kind=kind, on_refusal=on_refusal)

    def take(self, kind: Kind, *rows: Row, **terms: Any) -> FileReport:
        """Take rows of one kind in by a CSV file."""
        (report,) = self.take_in(self.write(f"{kind}.csv", rows), **terms)
        return report

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Open a transaction within the test's own."""
        with self.connection.begin_nested():
            yield self.connection

    def rows(self, table: str) -> list[Any]:
        """Return the organization's rows of a table, in the order of their ids."""
        statement = (
            f"select {table}.* from {table} join organizations using (organization_id) where organizations.name = :name"
        )
        order = " order by external_id"
        return list(self.connection.execute(text(statement + order), {"name": ORGANIZATION}))

    def row(self, table: str) -> Any:
        """Return the organization's only row of a table."""
        (only,) = self.rows(table)
        return only
