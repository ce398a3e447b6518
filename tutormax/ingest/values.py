"""What a column's text may be: each rule turns a whole column into typed values and says which texts are at fault."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from tutormax.ingest.texts import Texts, holding, mask, matching, only, outside, told
from tutormax.ingest.zones import Mask

# Of times in UTC, which is the staging connection's zone too: Arrow writes them forty times as fast as zoned ones.
UTC_MICROS = pa.timestamp("us")


@dataclass(frozen=True, slots=True)
class Fault:
    """The rows of a column that are wrong for one reason."""

    rows: Mask
    reason: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A column's typed values, void where a fault marks the row."""

    values: Any
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Clock:
    """What times of a file are read by: the zone of those that name none, and the present."""

    now: datetime
    zone: ZoneInfo | None = None


class Rule(Protocol):
    """What a column holds."""

    @property
    def sql_type(self) -> str:
        """PostgreSQL's name for the typed values."""

    def check(self, texts: Texts, clock: Clock) -> Checked:
        """Return the column's values and its faults."""


@dataclass(frozen=True, slots=True)
class Text:
    """Any text up to a length; line breaks and what else cannot be seen are read as blanks."""

    longest: int = 500
    sql_type: str = "text"

    def check(self, texts: Texts, clock: Clock) -> Checked:
        """Refuse what is too long."""
        plain = pc.replace_substring_regex(texts, r"[\x00-\x1f\x7f]+", " ")
        return Checked(plain, (_too_long(texts, self.longest),))


@dataclass(frozen=True, slots=True)
class Identifier:
    """A name that another system gave to something: short, and nothing that cannot be seen."""

    longest: int = 200
    sql_type: str = "text"
    # Ids that we derive begin so; a file that used one would overwrite what we derived.
    reserved: str = "tutormax:"

    def check(self, texts: Texts, clock: Clock) -> Checked:
        """Refuse what is too long, holds control characters or is ours."""
        unseen = Fault(matching(texts, r"[\x00-\x1f\x7f]"), "holds control characters")
        ours = Fault(mask(pc.starts_with(texts, self.reserved)), f"begins with {self.reserved}, which is reserved")
        return Checked(texts, (_too_long(texts, self.longest), unseen, ours))


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number in a range; 4.0 is one too."""

    low: int
    high: int
    sql_type: str = "integer"

    def check(self, texts: Texts, clock: Clock) -> Checked:
        """Refuse what is no whole number, and what is out of range."""
        right = matching(texts, r"^[+-]?[0-9]+(\.0*)?$")
        numbers = pc.cast(only(texts, right), pa.float64())
        far = outside(numbers, self.low, self.high)
        wrong = Fault(told(texts) & ~right, f"is not a whole number from {self.low} to {self.high}")
        values = pc.cast(only(numbers, ~far), pa.int32())
        return Checked(values, (wrong, Fault(far, f"is not from {self.low} to {self.high}")))


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number in a range."""

    low: float
    high: float
    sql_type: str = "double precision"

    def check(self, texts: Texts, clock: Clock) -> Checked:
        """Refuse what is no number, not finite, or out of range."""
        right = matching(texts, r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$")
        infinite = matching(only(texts, ~right), r"(?i)^[+-]?(nan|inf|infinity)$")
        numbers = pc.cast(only(texts, right), pa.float64())
        far = outside(numbers, self.low, self.high)
        faults = (
            Fault(infinite, "is not a finite number"),
            Fault(told(texts) & ~right & ~infinite, "is not a number"),
            Fault(far, f"is not from {self.low:g} to {self.high:g}"),
        )
        return Checked(only(numbers, ~far), faults)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words, whatever their case, each with its meaning."""

    meanings: Mapping[str, str | bool]
    sql_type: str = "text"

    def check(self, texts: Texts, clock: Clock) -> Checked:
        """Refuse every other word."""
        found = pc.index_in(pc.utf8_lower(texts), pa.array(list(self.meanings)))
        values = pa.array(list(self.meanings.values())).take(found)
        unknown = told(texts) & mask(pc.is_null(found))
        return Checked(values, (Fault(unknown, f"is not one of {', '.join(self.meanings)}"),))


def flag() -> Choice:
    """Return the rule of a column that says yes or no."""
    yes, no = ("true", "1", "yes", "y", "t", "1.0"), ("false", "0", "no", "n", "f", "0.0")
    return Choice(dict.fromkeys(yes, True) | dict.fromkeys(no, False), "boolean")


@dataclass(frozen=True, slots=True)
class Words:
    """Some short texts: a JSON list, or words between commas, semicolons or bars."""

    most: int = 100
    longest: int = 200
    sql_type: str = "jsonb"

    def check(self, texts: Texts, clock: Clock) -> Checked:
        """Refuse what is no list of short texts."""
        # Rows repeat few distinct lists; each is read once.
        distinct = pc.dictionary_encode(texts)
        lists = [self._read(text) for text in distinct.dictionary.to_pylist()]
        values = pa.array(lists, pa.string()).take(distinct.indices)
        wrong = told(texts) & mask(pc.is_null(values))
        reason = f"is not a list of at most {self.most} texts of at most {self.longest} characters"
        return Checked(values, (Fault(wrong, reason),))

    def _read(self, text: str) -> str | None:
        """Return the list as JSON, or None when it is at fault."""
        words: object
        if text.startswith(("[", "{")):
            try:
                words = msgspec.json.decode(text, type=list[str])
            except (msgspec.DecodeError, msgspec.ValidationError):
                return None
        else:
            words = [word.strip() for word in text.replace(";", ",").replace("|", ",").split(",") if word.strip()]
        fits = len(words) <= self.most and all(len(word) <= self.longest and "\0" not in word for word in words)
        return msgspec.json.encode(words).decode() if fits else None


def missing(texts: Texts) -> Fault:
    """Return the rows in which a required column tells nothing."""
    return Fault(~told(texts), "is missing")


def with_nul(texts: Texts) -> Fault:
    """Return the rows with a NUL byte, which PostgreSQL cannot hold."""
    return Fault(holding(texts, "\0"), "holds a NUL byte")


def _too_long(texts: Texts, longest: int) -> Fault:
    return Fault(mask(pc.greater(pc.utf8_length(texts), longest)), f"is longer than {longest} characters")
