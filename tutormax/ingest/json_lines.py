"""JSON Lines files: one object a line."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import orjson
import pyarrow as pa

from tutormax.ingest.batch import Batch, Chooser, FileRefusedError, Refusal, shown
from tutormax.ingest.stream import Stream
from tutormax.ingest.texts import Texts
from tutormax.ingest.zones import Mask

BLOCK_BYTES = 4 << 20
LONGEST_LINE = 4 * BLOCK_BYTES
MOST_EXACT = 1e15
Rows: TypeAlias = list[tuple[int, dict[str, Any]]]


class JsonLinesFile:
    """A file with one JSON object a line, in UTF-8."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stream = Stream(path)
        self.blocks = self._blocks()
        with ExitStack() as on_failure:
            on_failure.callback(self.close)
            self.first = next(self.blocks, ([], []))
            on_failure.pop_all()
        self.header = _names(self.first[0])

    def position(self) -> float:
        """Return which part of the file has been read."""
        return self.stream.position()

    def close(self) -> None:
        """Close the file."""
        self.stream.close()

    def batches(self, choose: Chooser) -> Iterator[Batch]:
        """Yield all rows, with the chosen ones among the names that they use."""
        yield self._batch(*self.first, choose)
        for rows, refused in self.blocks:
            yield self._batch(rows, refused, choose)

    def _batch(self, rows: Rows, refused: list[Refusal], choose: Chooser) -> Batch:
        names = _names(rows)
        read = {name: texts_of([row.get(name) for _, row in rows]) for name in choose(names)}
        return Batch(
            np.array([line for line, _ in rows], dtype=np.int64),
            {name: texts for name, (texts, _) in read.items()},
            refused,
            names,
            {name: nested for name, (_, nested) in read.items()},
        )

    def _blocks(self) -> Iterator[tuple[Rows, list[Refusal]]]:
        """Yield the objects of some lines, and what cannot be read."""
        number = 1
        carry = b""
        while chunk := self.stream.read(BLOCK_BYTES):
            *lines, carry = (carry + chunk).split(b"\n")
            if len(carry) > LONGEST_LINE:
                raise FileRefusedError(f"{self.path}: line {number + len(lines)} is longer than {LONGEST_LINE} bytes")
            yield _read(lines, number)
            number += len(lines)
        if carry:
            yield _read([carry], number)


def texts_of(values: list[Any]) -> tuple[Texts, Mask]:
    """Return JSON values as texts, and which of them are lists or objects."""
    nested = np.array([isinstance(value, list | dict) for value in values], dtype=bool)
    return pa.array([_text(value) for value in values], pa.string()), nested


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    # A whole number is written as one, whichever way the file's writer held it.
    if isinstance(value, float) and value.is_integer() and abs(value) < MOST_EXACT:
        return str(int(value))
    return orjson.dumps(value).decode()


def _read(lines: list[bytes], first: int) -> tuple[Rows, list[Refusal]]:
    rows: Rows = []
    refused = []
    for number, line in enumerate(lines, first):
        text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if not text.strip():
            continue
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            refused.append(Refusal(number, None, shown(text), f"is not JSON: {error.msg}"))
            continue
        if isinstance(value, dict):
            rows.append((number, value))
        else:
            refused.append(Refusal(number, None, shown(text), "is not a JSON object"))
    return rows, refused


def _names(rows: Rows) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for _, row in rows for name in row))
