"""What became of each file: counted, and every refused row named."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from tutormax.ingest.batch import Refusal
from tutormax.ingest.kinds import Kind

# Takes each refusal as it is found, so that a report may hold more of them than memory does.
RefusalSink: TypeAlias = Callable[[Path, Refusal], None]
KEPT = 1000


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file."""

    path: Path
    kind: Kind
    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    # Reschedules that sessions told of and that became events.
    derived: int = 0
    seconds: float = 0.0
    # Why nothing of the file was taken in; None when it was.
    refused_because: str | None = None
    # The first refused rows; all of them went to the caller's sink.
    refusals: Sequence[Refusal] = ()
    ignored_columns: Sequence[str] = ()

    @property
    def taken_in(self) -> bool:
        """Whether the file's good rows were written."""
        return self.refused_because is None

    def as_json(self, most_refusals: int) -> dict[str, Any]:
        """Return the report as plain values."""
        counts = {name: getattr(self, name) for name in COUNTS}
        return {
            "file": str(self.path),
            "kind": self.kind.value,
            **counts,
            "seconds": round(self.seconds, 3),
            "refused_because": self.refused_because,
            "refusals": [refusal_as_json(self.path, refusal) for refusal in self.refusals[:most_refusals]],
            "ignored_columns": list(self.ignored_columns),
        }


COUNTS = ("read", "inserted", "updated", "unchanged", "refused", "derived")


def refusal_as_json(path: Path, refusal: Refusal) -> dict[str, Any]:
    """Return a refusal as plain values."""
    return {
        "file": str(path),
        "line": refusal.line,
        "column": refusal.column,
        "value": refusal.value,
        "reason": refusal.reason,
    }


class Refusals:
    """The refused rows of one file as they are found: all counted and told, the first kept."""

    def __init__(self, path: Path, sink: RefusalSink | None = None) -> None:
        self.path = path
        self.sink = sink
        self.count = 0
        self.kept: list[Refusal] = []

    def add(self, refusals: Sequence[Refusal]) -> None:
        """Take in some more."""
        self.count += len(refusals)
        self.kept = _by_line([*self.kept, *refusals])[:KEPT]
        if self.sink is not None:
            for refusal in _by_line(refusals):
                self.sink(self.path, refusal)


def _by_line(refusals: Sequence[Refusal]) -> list[Refusal]:
    return sorted(refusals, key=lambda refusal: refusal.line)
