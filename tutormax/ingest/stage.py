"""Taking files in: one transaction each, every row checked, nothing half-written."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from tutormax import failpoints, intake, partitions
from tutormax.ahead import Ahead
from tutormax.db import Begin
from tutormax.failpoints import Failpoint
from tutormax.ingest import organization, staging, upsert
from tutormax.ingest.batch import FileRefusedError, Reader, Refusal, UnreadableFileError
from tutormax.ingest.kinds import Kind
from tutormax.ingest.reading import Source, sources
from tutormax.ingest.report import FileReport, Refusals, RefusalSink
from tutormax.ingest.validation import NOW, Validator
from tutormax.ingest.values import Clock

# Which file is being taken in, and which part of it has been read.
Progress: TypeAlias = Callable[[Source, float], None]


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms files are taken in."""

    organization: str
    now: datetime
    zone: ZoneInfo | None = None
    # When rows became known: `event` (when they happened), `now`, or the name of the column that tells.
    known_at: str = NOW
    max_refused_share: float = 0.05


def ingest_files(
    begin: Begin,
    paths: Sequence[Path],
    terms: Terms,
    *,
    kind: Kind | None = None,
    on_refusal: RefusalSink | None = None,
    on_progress: Progress | None = None,
) -> list[FileReport]:
    """Take files in, each in a transaction of its own, in the order in which they need each other.

    `begin` opens a transaction that commits when its block ends, as `db.transaction` does.
    """
    found = sources(paths, kind)
    with begin() as connection:
        organization.check(connection, terms.organization)
    return [_Intake(begin, source, terms, Refusals(source.path, on_refusal), on_progress).report() for source in found]


@dataclass(frozen=True, slots=True)
class _Part:
    """Some checked rows of a file: typed columns, refusals, the months they lie in, how far the file has been read."""

    rows: Any
    refused: list[Refusal]
    months: set[datetime]
    read: int
    position: float


class _Intake:
    """One file on its way in."""

    def __init__(
        self, begin: Begin, source: Source, terms: Terms, refusals: Refusals, on_progress: Progress | None
    ) -> None:
        self.begin = begin
        self.source = source
        self.terms = terms
        self.refusals = refusals
        self.on_progress = on_progress
        self.validator = Validator(source.kind, Clock(terms.now, terms.zone), terms.known_at)
        self.read = 0
        self.months: set[datetime] = set()

    def report(self) -> FileReport:
        """Take the file in, or nothing of it; return what became of it."""
        started = perf_counter()
        change, reason = upsert.Change(), None
        try:
            with self.begin() as connection:
                change = self._take_in(connection)
                self._tell(connection, accepted=change.inserted, refused_rows=self.refusals.count)
                failpoints.reach(Failpoint.BEFORE_INGEST_COMMIT)
            failpoints.reach(Failpoint.AFTER_INGEST_COMMIT)
        except (FileRefusedError, UnreadableFileError) as error:
            # It could be opened a moment ago; the files that came before it are in.
            reason = str(error)
            with self.begin() as connection:
                self._tell(connection, refused_with_file=self.read)
        taken = self.read - self.refusals.count if reason is None else 0
        return FileReport(
            self.source.path,
            self.source.kind,
            read=self.read,
            inserted=change.inserted,
            updated=change.updated,
            unchanged=taken - change.inserted - change.updated,
            refused=self.refusals.count,
            derived=change.derived,
            seconds=perf_counter() - started,
            refused_because=reason,
            refusals=tuple(self.refusals.kept),
            ignored_columns=tuple(self.validator.ignored()),
        )

    def _tell(self, connection: Connection, **counts: int) -> None:
        """Let a worker count sessions."""
        if self.source.kind is Kind.SESSIONS:
            intake.tell(connection, **counts)

    def _take_in(self, connection: Connection) -> upsert.Change:
        kind = self.source.kind
        owner = organization.hold(connection, self.terms.organization)
        self._stage(connection, owner)
        self._check_share()
        # In transactions of their own, because new partitions lock everybody out until they are committed;
        # and before this one reads the tables, because it would lock out itself.
        for month in sorted(self.months):
            partitions.make(self.begin, month, month)
        names = self.validator.names()
        self.refusals.add(upsert.refuse(connection, kind, self.terms.now, names))
        self._check_share()
        return upsert.write(connection, kind, owner, self.terms.now, self.validator.absent())

    def _stage(self, connection: Connection, owner: int) -> None:
        """Bring every row that its columns allow into the staging table."""
        staging.create(connection, self.source.kind, owner)
        with closing(self.source.open()) as reader:
            self.validator.check_header(reader.header)
            with Ahead(self._parts(reader)) as parts, staging.copying(connection, self.source.kind) as append:
                for part in parts:
                    append(part.rows)
                    self.months |= part.months
                    self.read += part.read
                    self.refusals.add(part.refused)
                    if self.on_progress is not None:
                        self.on_progress(self.source, part.position)

    def _parts(self, reader: Reader) -> Iterator[_Part]:
        """Yield the rows of a file as they were read and checked."""
        for batch in reader.batches(self.validator.choose):
            rows, refused = self.validator.check(batch)
            read = len(batch.lines) + len(batch.refused)
            yield _Part(rows, refused, upsert.months(self.source.kind, rows), read, reader.position())

    def _check_share(self) -> None:
        """Refuse the file when too many of its rows are refused."""
        most = self.terms.max_refused_share
        if self.refusals.count > most * self.read:
            raise FileRefusedError(
                f"{self.refusals.count} of {self.read} rows are refused, at most {100 * most:g} % of them may be"
            )
