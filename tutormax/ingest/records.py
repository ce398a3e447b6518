"""Where the records of a CSV text begin and end, found in whole blocks where the quoting is clean."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tutormax.ingest.zones import Mask

QUOTE, NEWLINE, RETURN = b'"\n\r'
Positions = NDArray[np.int64]
# A quoted text that goes on for longer is a quote that was never closed.
LONGEST_RECORD = 1 << 20


@dataclass(frozen=True, slots=True)
class Records:
    """The complete records of a block: first byte, byte after the last, physical line (from 0), number of fields."""

    starts: Positions
    ends: Positions
    lines: Positions
    fields: Positions
    # Where the first record begins that is not complete, or the block ends.
    used: int

    def only(self, rows: Mask) -> Self:
        """Return some of the records."""
        return replace(
            self, starts=self.starts[rows], ends=self.ends[rows], lines=self.lines[rows], fields=self.fields[rows]
        )

    def of(self, places: Positions) -> Positions:
        """Return which record each of some bytes is in."""
        return np.searchsorted(self.ends, places, side="right")


@dataclass(frozen=True, slots=True)
class Record:
    """One record read by itself; a broken one has no fields but a reason."""

    start: int
    end: int
    line: int
    fields: tuple[bytes, ...] = ()
    reason: str | None = None


def scan(block: bytes, delimiter: int) -> Records | None:
    """Return the complete records of a block that begins with one; None unless every quote is where it belongs."""
    data = np.frombuffer(block, dtype=np.uint8)
    inside = _inside_quotes(data) if b'"' in block else np.zeros(data.size, dtype=bool)
    newlines = np.flatnonzero(data == NEWLINE)
    ends = newlines[~inside[newlines]] + 1
    used = int(ends[-1]) if ends.size else 0
    if not _clean(data, delimiter, inside) or used + LONGEST_RECORD < len(block):
        return None
    starts = np.concatenate((np.zeros(1, np.int64), ends[:-1])) if ends.size else ends
    separators = np.flatnonzero((data == delimiter) & ~inside)
    fields = np.searchsorted(separators, ends) - np.searchsorted(separators, starts) + 1
    records = Records(starts, ends, np.searchsorted(newlines, starts), fields, used)
    blank = np.isin(data[starts], (NEWLINE, RETURN))
    return records.only(~blank) if blank.any() else records


def _inside_quotes(data: NDArray[np.uint8]) -> Mask:
    return np.bitwise_xor.accumulate((data == QUOTE).view(np.uint8)).view(bool)


def _clean(data: NDArray[np.uint8], delimiter: int, inside: Mask) -> bool:
    """Tell whether quotes open only where a field begins and close only where it ends, and lines end in one way."""
    returns = np.flatnonzero((data == RETURN) & ~inside)
    # What stands at the very end of a block is read again with the next one, so there only the inner bytes count.
    if not np.all(data[returns[returns + 1 < data.size] + 1] == NEWLINE):
        return False
    quotes = np.flatnonzero(data == QUOTE)
    before = data[quotes[0::2] - 1]
    opened = np.isin(before, (delimiter, NEWLINE, QUOTE)) | (quotes[0::2] == 0)
    closing = quotes[1::2]
    after = data[np.minimum(closing + 1, data.size - 1)]
    closed = np.isin(after, (delimiter, NEWLINE, RETURN, QUOTE)) | (closing + 1 == data.size)
    return bool(opened.all() and closed.all())


def walk(block: bytes, delimiter: int, *, final: bool) -> Iterator[Record]:
    """Yield the records of a block one by one, broken ones too; stop where one may go on in the next block.

    A record whose quoting is broken ends with its physical line, so that the following ones are read.
    """
    field = _field(delimiter)
    start = line = 0
    while start < len(block):
        fields, end = _fields(block, start, field)
        reason = None
        if end is None:
            if not final and len(block) - start < LONGEST_RECORD:
                return
            end = block.find(b"\n", start) + 1
            if end == 0:
                return
            reason = "has a quote that is not closed, or text around a quoted field"
        if block[start:end].strip(b"\r\n"):
            yield Record(start, end, line, tuple(fields), reason)
        line += block.count(b"\n", start, end)
        start = end


def _fields(block: bytes, start: int, field: re.Pattern[bytes]) -> tuple[list[bytes], int | None]:
    """Return the fields of the record at one place and where it ends, None when it does not."""
    fields: list[bytes] = []
    while found := field.match(block, start):
        quoted, plain, terminator = found.groups()
        fields.append(plain if quoted is None else quoted.replace(b'""', b'"'))
        start = found.end()
        if terminator.endswith(b"\n"):
            return fields, start
    return fields, None


def _field(delimiter: int) -> re.Pattern[bytes]:
    mark = re.escape(bytes([delimiter]))
    quoted = rb'"([^"]*+(?:""[^"]*+)*+)"'
    plain = rb'((?!")[^' + mark + rb"\n]*?)"
    return re.compile(rb"(?:" + quoted + rb"|" + plain + rb")(" + mark + rb"|\r?\n)")
