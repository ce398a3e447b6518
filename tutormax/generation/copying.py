"""COPY in PostgreSQL's binary format, built from columns without a loop over rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from tutormax.ahead import Ahead
from tutormax.generation import instants
from tutormax.generation.process import Flags, Floats, Integers

Octets = NDArray[np.uint8]
Piece = tuple[str, bytes]

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
# No more than a socket holds: PostgreSQL stores those while the next are made.
ROWS_AT_ONCE = 1024
_POSTGRES_EPOCH = instants.of(datetime(2000, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Field:
    """One column on the wire: the octets of each value, how many of them count, and which values are null."""

    octets: Octets
    lengths: Integers | None = None
    nulls: Flags | None = None

    def take(self, which: Integers | slice) -> Self:
        """Return some of the values."""
        return replace(
            self,
            octets=self.octets[which],
            lengths=None if self.lengths is None else self.lengths[which],
            nulls=None if self.nulls is None else self.nulls[which],
        )


def int2(values: Integers) -> Field:
    """Return smallint values."""
    return _fixed(values, ">i2")


def int4(values: Integers) -> Field:
    """Return integer values."""
    return _fixed(values, ">i4")


def int8(values: Integers) -> Field:
    """Return bigint values."""
    return _fixed(values, ">i8")


def float4(values: Floats) -> Field:
    """Return real values; not a number is null."""
    return _fixed(values, ">f4", np.isnan(values))


def float8(values: Floats) -> Field:
    """Return double precision values; not a number is null."""
    return _fixed(values, ">f8", np.isnan(values))


def boolean(values: Integers | Flags) -> Field:
    """Return boolean values; anything but 0 and 1 is null."""
    return _fixed(values == 1, "u1", (values != 0) & (values != 1))


def timestamptz(values: Integers) -> Field:
    """Return instants; NEVER is null."""
    return _fixed(values - _POSTGRES_EPOCH, ">i8", values == instants.NEVER)


def date(days: Integers) -> Field:
    """Return days, counted from 1 January 1970."""
    return int4(days - instants.day_of(_POSTGRES_EPOCH))


def digits(values: Octets) -> Field:
    """Return texts of one length, given as rows of ASCII."""
    return Field(np.ascontiguousarray(values))


def one_of(names: tuple[str, ...], positions: Integers) -> Field:
    """Return texts, each given by its position among a few names."""
    encoded = [name.encode() for name in names]
    width = max(map(len, encoded))
    table = np.frombuffer(b"".join(name.ljust(width) for name in encoded), np.uint8).reshape(-1, width)
    return Field(table[positions], np.array([len(name) for name in encoded])[positions])


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table, column by column."""

    table: str
    columns: Mapping[str, Field]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())).octets)

    def pieces(self) -> Iterator[Piece]:
        """Yield the statement that takes them, and some of them at a time."""
        statement = f"copy {self.table} ({', '.join(self.columns)}) from stdin with (format binary)"
        for start in range(0, len(self), ROWS_AT_ONCE):
            some = slice(start, start + ROWS_AT_ONCE)
            yield statement, encoded([field.take(some) for field in self.columns.values()])


def begun(rows: Iterable[Rows]) -> Ahead[Piece]:
    """Begin to make and encode rows."""
    return Ahead(piece for each in rows for piece in each.pieces())


def append(connection: Connection, rows: Iterable[Rows]) -> None:
    """Append rows to their tables, one after the other."""
    with begun(rows) as coming:
        store(connection, coming)


def store(connection: Connection, coming: Ahead[Piece]) -> None:
    """Append rows that were begun; some are made and encoded while PostgreSQL stores others."""
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        for statement, pieces in groupby(coming, key=itemgetter(0)):
            with cursor.copy(statement) as stream:
                stream.write(_HEADER)
                for _, tuples in pieces:
                    stream.write(tuples)
                stream.write(_TRAILER)


def append_mappings(connection: Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append a few rows of any types, all of the same columns, to a table."""
    if not rows:
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"copy {table} ({', '.join(rows[0])}) from stdin") as stream:
        for row in rows:
            stream.write_row(tuple(row.values()))


def encoded(fields: list[Field]) -> bytes:
    """Return the tuples of a binary COPY."""
    count = len(fields[0].octets)
    parts = [np.broadcast_to(np.array([len(fields)], ">i2").view(np.uint8), (count, 2))]
    kept = [np.ones((count, 2), np.bool_)]
    for field in fields:
        width = field.octets.shape[1]
        lengths = _lengths(field)
        parts += [lengths.astype(">i4").view(np.uint8).reshape(-1, 4), field.octets]
        kept += [np.ones((count, 4), np.bool_), np.arange(width) < lengths[:, None]]
    tuples: bytes = np.concatenate(parts, axis=1)[np.concatenate(kept, axis=1)].tobytes()
    return tuples


def _lengths(field: Field) -> Integers:
    full = np.full(len(field.octets), field.octets.shape[1]) if field.lengths is None else field.lengths
    return full if field.nulls is None else np.where(field.nulls, -1, full)


def _fixed(values: NDArray[Any], kind: str, nulls: Flags | None = None) -> Field:
    with np.errstate(invalid="ignore"):
        octets = np.ascontiguousarray(values.astype(kind)).view(np.uint8).reshape(len(values), np.dtype(kind).itemsize)
    return Field(octets, nulls=nulls)
