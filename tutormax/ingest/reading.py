"""Opening the files that somebody named: what format, what kind of rows."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tutormax.ingest.batch import FileRefusedError, Reader, UnreadableFileError
from tutormax.ingest.csv_file import CsvFile
from tutormax.ingest.json_lines import JsonLinesFile
from tutormax.ingest.kinds import Kind, kind_of
from tutormax.ingest.parquet_file import ParquetFile

READERS: dict[str, type[CsvFile] | type[JsonLinesFile] | type[ParquetFile]] = {
    ".csv": CsvFile,
    ".csv.gz": CsvFile,
    ".jsonl": JsonLinesFile,
    ".jsonl.gz": JsonLinesFile,
    ".ndjson": JsonLinesFile,
    ".ndjson.gz": JsonLinesFile,
    ".parquet": ParquetFile,
}


@dataclass(frozen=True, slots=True)
class Source:
    """A file and what its rows are."""

    path: Path
    kind: Kind

    def open(self) -> Reader:
        """Open the file for reading."""
        return open_file(self.path)


def open_file(path: Path) -> Reader:
    """Open a file of any format; raise UnreadableFileError when it cannot be read at all."""
    try:
        if not path.is_file():
            raise UnreadableFileError(f"{path}: {'is not a file' if path.exists() else 'no such file'}")
    except OSError as error:
        raise UnreadableFileError(f"{path}: {error.strerror}") from None
    reader = next((reader for ending, reader in READERS.items() if path.name.lower().endswith(ending)), None)
    if reader is None:
        raise UnreadableFileError(f"{path}: is of no known format; the name must end in one of {', '.join(READERS)}")
    return reader(path)


def sources(paths: Sequence[Path], kind: Kind | None = None) -> list[Source]:
    """Return the files in the order in which they are taken in, each of a given kind or of the one that it tells."""
    found = [Source(path, _kind(path, kind)) for path in paths]
    return sorted(found, key=lambda source: list(Kind).index(source.kind))


def _kind(path: Path, told: Kind | None) -> Kind:
    try:
        with closing(open_file(path)) as reader:
            header = reader.header
    except FileRefusedError:
        # Damaged from the start; it is refused when its turn comes.
        header = ()
    kind = told or kind_of(path, header)
    if kind is None:
        raise UnreadableFileError(f"{path}: tells by neither name nor columns what its rows are; say it with --as")
    return kind
