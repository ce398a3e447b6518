"""Every row's columns against their rules: typed rows that may be staged, and refusals that say what is wrong."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tutormax.ingest.batch import Batch, FileRefusedError, Refusal, shown
from tutormax.ingest.instants import Instant, ZonelessError
from tutormax.ingest.kinds import COLUMNS, Column, Kind, missing_columns, normal
from tutormax.ingest.texts import Texts
from tutormax.ingest.values import UTC_MICROS, Checked, Clock, Fault, Words, missing, with_nul

EVENT, NOW = "event", "now"
KNOWN_AT = "known_at"


@dataclass(slots=True)
class Validator:
    """The rules for one file; it remembers which of the file's columns it has met."""

    kind: Kind
    clock: Clock
    # When rows became known: when they happened, at present, or when the column of this name says.
    known_at: str = NOW
    met: dict[str, None] = field(default_factory=dict)

    def names(self) -> dict[str, str]:
        """Return the file's names for our columns, as far as it has been found to hold them."""
        found = {column.name: column.found_in(self.met) for column in COLUMNS[self.kind]}
        if self.known_at not in {EVENT, NOW}:
            found[KNOWN_AT] = next((name for name in self.met if normal(name) == normal(self.known_at)), None)
        return {ours: theirs for ours, theirs in found.items() if theirs is not None}

    def choose(self, header: Collection[str]) -> list[str]:
        """Return the columns to read of those that there are; raise FileRefusedError when two mean the same."""
        self._meet(header)
        return [name for name in dict.fromkeys(self.names().values()) if name in header]

    def check_header(self, header: Collection[str]) -> None:
        """Raise FileRefusedError when there is no column that no row can do without, or two mean the same."""
        self._meet(header)
        lacking = missing_columns(self.kind, header)
        if self.known_at not in {EVENT, NOW} and KNOWN_AT not in self.names():
            lacking.append(self.known_at)
        if lacking:
            there = ", ".join(shown(name) for name in header) or "none"
            raise FileRefusedError(f"a file of {self.kind} needs the columns {', '.join(lacking)}; it has {there}")

    def check(self, batch: Batch) -> tuple[Any, list[Refusal]]:
        """Return a batch's good rows, typed, with their lines, and a refusal of every other row."""
        names = self.names()
        bad = np.zeros(len(batch.lines), dtype=bool)
        refusals = list(batch.refused)
        typed = {"line": pa.array(batch.lines)}
        for column in self._columns():
            name = names.get(column.name, column.name)
            if name not in batch.columns and not column.required:
                typed[column.name] = pa.nulls(bad.size, pa.string())
                continue
            texts = _trimmed(batch.columns[name]) if name in batch.columns else pa.nulls(bad.size, pa.string())
            checked = self._checked(column, name, texts, batch)
            typed[column.name] = checked.values
            for fault in checked.faults:
                refusals += _refusals(batch, name, texts, Fault(fault.rows & ~bad, fault.reason))
                bad |= fault.rows
        if KNOWN_AT not in typed:
            known_at = self.clock.now if self.known_at == NOW else None
            typed[KNOWN_AT] = pa.repeat(pa.scalar(known_at, UTC_MICROS), bad.size)
        table = pa.table(typed)
        return (table.filter(pa.array(~bad)) if bad.any() else table), refusals

    def ignored(self) -> list[str]:
        """Return the file's columns that are not used."""
        return [name for name in self.met if name not in self.names().values()]

    def absent(self) -> list[str]:
        """Return our columns of which the file says nothing."""
        return [column.name for column in COLUMNS[self.kind] if column.name not in self.names()]

    def _meet(self, header: Collection[str]) -> None:
        self.met |= dict.fromkeys(header)
        for ours, theirs in self.names().items():
            alike = [shown(name) for name in self.met if normal(name) == normal(theirs)]
            if len(alike) > 1:
                raise FileRefusedError(
                    f"its columns {' and '.join(alike)} both mean {ours}: rename or remove all but the right one"
                )

    def _columns(self) -> Iterator[Column]:
        yield from COLUMNS[self.kind]
        if self.known_at not in {EVENT, NOW}:
            yield Column(KNOWN_AT, Instant(past=True), required=True)

    def _checked(self, column: Column, name: str, texts: Texts, batch: Batch) -> Checked:
        """Return a column's typed values with every fault that a column of its rule can have."""
        try:
            checked = column.rule.check(texts, self.clock)
        except ZonelessError as error:
            raise FileRefusedError(
                f"line {batch.lines[error.row]}: {name} {shown(texts[error.row].as_py())} names no zone: "
                "say with --timezone in which zone the file's times are, for example --timezone UTC"
            ) from None
        faults = [with_nul(texts)]
        if name in batch.nested and not isinstance(column.rule, Words):
            faults.append(Fault(batch.nested[name], "is not a single value"))
        if column.required:
            faults.append(missing(texts))
        return Checked(checked.values, (*faults, *checked.faults))


def _trimmed(texts: Texts) -> Texts:
    """Return texts without the blanks around them, null where nothing is left."""
    trimmed = pc.ascii_trim_whitespace(texts)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def _refusals(batch: Batch, name: str, texts: Texts, fault: Fault) -> list[Refusal]:
    """Return a refusal of each row of a fault."""
    rows = np.flatnonzero(fault.rows)
    values = texts.take(pa.array(rows)).to_pylist() if rows.size else []
    return [
        Refusal(int(batch.lines[row]), name, shown(value), fault.reason)
        for row, value in zip(rows, values, strict=True)
    ]
