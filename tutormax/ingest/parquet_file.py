"""Parquet files: typed columns, taken back to text so that every format is checked in one way."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from tutormax.ingest.batch import Batch, Chooser, FileRefusedError, UnreadableFileError
from tutormax.ingest.json_lines import texts_of
from tutormax.ingest.texts import Texts
from tutormax.ingest.zones import Mask

BATCH_ROWS = 1 << 16


class ParquetFile:
    """A Parquet file; a row's line is its number, from 1."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.file = parquet.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            raise UnreadableFileError(f"{path}: is not a Parquet file: {_first_line(error)}") from None
        self.header = tuple(self.file.schema_arrow.names)
        if len(set(self.header)) < len(self.header):
            self.file.close()
            raise UnreadableFileError(f"{path}: two of its columns have one name")
        self.read = 0

    def position(self) -> float:
        """Return which part of the file has been read."""
        return self.read / max(1, int(self.file.metadata.num_rows))

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def batches(self, choose: Chooser) -> Iterator[Batch]:
        """Yield all rows, with the chosen columns."""
        # Arrow's own batches of no columns would have no rows.
        names = choose(self.header) or self.header[:1]
        try:
            for part in self.file.iter_batches(BATCH_ROWS, columns=list(names), use_threads=False):
                lines = np.arange(self.read, self.read + part.num_rows, dtype=np.int64) + 1
                read = {name: _as_texts(part.column(name)) for name in names}
                self.read += part.num_rows
                yield Batch(
                    lines,
                    {name: texts for name, (texts, _) in read.items()},
                    names=self.header,
                    nested={name: nested for name, (_, nested) in read.items()},
                )
        except (pa.ArrowException, OSError) as error:
            raise FileRefusedError(f"{self.path}: is damaged after row {self.read}: {_first_line(error)}") from None


def _as_texts(values: Any) -> tuple[Texts, Mask]:
    """Return a column as texts, and which values no text stands for."""
    if pa.types.is_timestamp(values.type) and values.type.tz:
        values = pc.cast(values, pa.timestamp(values.type.unit, "UTC"))
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    try:
        texts = pc.cast(values, pa.string())
        texts.validate(full=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return _one_by_one(values)
    return texts, np.zeros(len(texts), dtype=bool)


def _one_by_one(values: Any) -> tuple[Texts, Mask]:
    """Return a column that Arrow cannot turn into text as a whole: lists, bytes that are not UTF-8."""
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        values = values.view(pa.binary() if pa.types.is_string(values.type) else pa.large_binary())
    told = [_decoded(value) for value in values.to_pylist()]
    return texts_of(told)


def _decoded(value: Any) -> Any:
    """Return a value that JSON can hold; bytes that are not UTF-8 as a list, which no single value is."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return [repr(value)]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]
