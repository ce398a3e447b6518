"""CSV files: blocks of records, parsed by Arrow where their quoting is clean and one by one where it is not."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

from tutormax.ingest.batch import Batch, Chooser, FileRefusedError, Refusal, UnreadableFileError, shown
from tutormax.ingest.records import LONGEST_RECORD, Record, Records, scan, walk
from tutormax.ingest.stream import Stream
from tutormax.ingest.texts import Texts
from tutormax.ingest.zones import Mask

# Small enough that most of a file is read and checked while what came before is on its way.
BLOCK_BYTES = 2 << 20
ASCII = 0x7F
DELIMITERS = b",;\t"


class CsvFile:
    """A CSV file with a header line, in UTF-8; the fields are divided by commas, semicolons or tabs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stream = Stream(path)
        self.line = 1
        with ExitStack() as on_failure:
            on_failure.callback(self.close)
            self.carry = self.stream.read(BLOCK_BYTES).removeprefix(b"\xef\xbb\xbf")
            self.delimiter = max(DELIMITERS, key=self.carry.split(b"\n", 1)[0].count)
            self.header = self._take_header()
            on_failure.pop_all()

    def position(self) -> float:
        """Return which part of the file has been read."""
        return self.stream.position()

    def close(self) -> None:
        """Close the file."""
        self.stream.close()

    def batches(self, choose: Chooser) -> Iterator[Batch]:
        """Yield all rows, with the chosen columns."""
        wanted = choose(self.header)
        final = False
        while not final:
            chunk = self.stream.read(BLOCK_BYTES)
            final = not chunk
            block = self.carry + chunk
            if final and block and not block.endswith(b"\n"):
                block += b"\n"
            batch, used = self._at_once(block, wanted, final=final) or self._one_by_one(block, wanted, final=final)
            yield batch
            self._go_on(block, used)

    def _take_header(self) -> tuple[str, ...]:
        block = self.carry if self.carry.endswith(b"\n") else self.carry + b"\n"
        first = next(walk(block, self.delimiter, final=True), None)
        if first is None or first.reason:
            raise UnreadableFileError(f"{self.path}: has no header line")
        try:
            names = tuple(field.decode().strip() for field in first.fields)
        except UnicodeDecodeError:
            raise UnreadableFileError(f"{self.path}: its header is not UTF-8: {shown(block)}") from None
        twice = sorted({name for name in names if name and names.count(name) > 1})
        if twice:
            raise UnreadableFileError(f"{self.path}: its header names {', '.join(map(shown, twice))} twice")
        self._go_on(self.carry, first.end)
        return names

    def _go_on(self, block: bytes, used: int) -> None:
        """Keep what is left of a block for the next one."""
        self.line += block.count(b"\n", 0, used)
        self.carry = block[used:]
        if len(self.carry) > 2 * LONGEST_RECORD + BLOCK_BYTES:
            raise FileRefusedError(f"{self.path}: line {self.line} is longer than {LONGEST_RECORD} bytes")

    def _at_once(self, block: bytes, wanted: Sequence[str], *, final: bool) -> tuple[Batch, int] | None:
        """Return the rows of a cleanly quoted block and how far they go, None when its quoting is not clean."""
        records = scan(block, self.delimiter)
        if records is None or (final and records.used < len(block)):
            return None
        good = (records.fields == len(self.header)) & ~_damaged(block, records)
        refused = [self._refusal_at(block, records, int(row)) for row in np.flatnonzero(~good)]
        kept = records if good.all() else records.only(good)
        text = block[: records.used] if good.all() else _joined(block, kept)
        columns = self._parse(text, wanted)
        if any(len(column) != kept.starts.size for column in columns.values()):
            return None
        return Batch(kept.lines + self.line, columns, refused, self.header), records.used

    def _parse(self, text: bytes, wanted: Sequence[str]) -> dict[str, Texts]:
        if not text.strip():
            return {name: pa.array([], pa.string()) for name in wanted}
        # Names may be empty or anything else; places are safe.
        places = {name: str(self.header.index(name)) for name in wanted}
        table = csv.read_csv(
            pa.BufferReader(text),
            csv.ReadOptions(
                column_names=[str(place) for place in range(len(self.header))],
                block_size=len(text) + 1,
                use_threads=False,
            ),
            csv.ParseOptions(delimiter=chr(self.delimiter), newlines_in_values=True),
            csv.ConvertOptions(
                include_columns=list(places.values()),
                column_types=dict.fromkeys(places.values(), pa.string()),
                strings_can_be_null=False,
            ),
        )
        return {name: table.column(place).combine_chunks() for name, place in places.items()}

    def _one_by_one(self, block: bytes, wanted: Sequence[str], *, final: bool) -> tuple[Batch, int]:
        good: list[tuple[int, list[str]]] = []
        refused = []
        used = 0
        for record in walk(block, self.delimiter, final=final):
            fault = self._fault(block, record)
            if fault is None:
                good.append((self.line + record.line, [field.decode() for field in record.fields]))
            else:
                refused.append(fault)
            used = record.end
        places = {name: self.header.index(name) for name in wanted}
        columns = {name: pa.array([fields[at] for _, fields in good], pa.string()) for name, at in places.items()}
        return Batch(np.array([line for line, _ in good], dtype=np.int64), columns, refused, self.header), used

    def _refusal_at(self, block: bytes, records: Records, row: int) -> Refusal:
        text = block[records.starts[row] : records.ends[row]]
        record = replace(next(walk(text, self.delimiter, final=True)), line=int(records.lines[row]))
        return self._fault(text, record) or Refusal(self.line + record.line, None, shown(text), "cannot be read")

    def _fault(self, block: bytes, record: Record) -> Refusal | None:
        """Return what is wrong with a record, if anything is."""
        line, text = self.line + record.line, block[record.start : record.end].rstrip(b"\r\n")
        if record.reason:
            return Refusal(line, None, shown(text), record.reason)
        if len(record.fields) != len(self.header):
            return Refusal(
                line, None, shown(text), f"has {len(record.fields)} fields, the header has {len(self.header)}"
            )
        for name, value in zip(self.header, record.fields, strict=True):
            if b"\0" in value:
                return Refusal(line, name, shown(value), "holds a NUL byte")
            if not _is_utf8(value):
                return Refusal(line, name, shown(value), "is not UTF-8")
        return None


def _damaged(block: bytes, records: Records) -> Mask:
    """Return which records hold a NUL byte or are not UTF-8."""
    damaged = np.zeros(records.starts.size, dtype=bool)
    data = np.frombuffer(block, dtype=np.uint8, count=records.used)
    if b"\0" in block:
        damaged[records.of(np.flatnonzero(data == 0))] = True
    if not _is_utf8(block[: records.used]):
        for row in np.unique(records.of(np.flatnonzero(data > ASCII))):
            damaged[row] |= not _is_utf8(block[records.starts[row] : records.ends[row]])
    return damaged


def _is_utf8(text: bytes) -> bool:
    try:
        return text.isascii() or bool(text.decode())
    except UnicodeDecodeError:
        return False


def _joined(block: bytes, records: Records) -> bytes:
    ends = zip(records.starts.tolist(), records.ends.tolist(), strict=True)
    return b"".join(block[start:end] for start, end in ends)
