"""Some rows of a file as it holds them, before anything is checked but that they can be read."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tutormax.errors import PermanentError
from tutormax.ingest.texts import Texts
from tutormax.ingest.zones import Mask

Lines = NDArray[np.int64]
# Says which of the columns that there are shall be read.
Chooser: TypeAlias = Callable[[Collection[str]], Sequence[str]]
SHOWN = 60


class UnreadableFileError(PermanentError):
    """A file that was named cannot be read at all, or does not tell what it is."""


class FileRefusedError(PermanentError):
    """A file is refused as a whole; nothing of it is written."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row that is not taken in: where it begins, what was wrong with it, and why."""

    line: int
    column: str | None
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows as columns of text under the file's own names, and the rows that could not be read."""

    lines: Lines
    columns: Mapping[str, Texts]
    refused: Sequence[Refusal] = ()
    # Every name there is, also of columns that nobody chose.
    names: Collection[str] = ()
    # Lists and objects, which a column of single values cannot hold; their text is JSON.
    nested: Mapping[str, Mask] = field(default_factory=dict)


class Reader(Protocol):
    """A file that is open."""

    # The names of the columns, as far as they are known without reading the whole file.
    header: tuple[str, ...]

    def batches(self, choose: Chooser) -> Iterator[Batch]:
        """Yield all rows, with the chosen columns."""

    def position(self) -> float:
        """Return which part of the file has been read."""

    def close(self) -> None:
        """Close the file."""


def shown(value: str | bytes | None) -> str:
    """Return a value as a report shows it: one line, short, nothing invisible; nothing where there is none."""
    if value is None:
        return ""
    text = value[: 4 * SHOWN].decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[: SHOWN + 1])
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
