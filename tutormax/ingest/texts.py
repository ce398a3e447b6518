"""Columns of text, and masks that say which of their rows something is true of."""

from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from tutormax.ingest.zones import Mask

Texts: TypeAlias = Any  # a pyarrow string array: trimmed, null where nothing is told


def told(texts: Texts) -> Mask:
    """Return the rows that tell something."""
    return mask(pc.is_valid(texts))


def matching(texts: Texts, pattern: str) -> Mask:
    """Return the rows in which a pattern is found."""
    return mask(pc.match_substring_regex(texts, pattern))


def holding(texts: Texts, part: str) -> Mask:
    """Return the rows in which a text is found."""
    return mask(pc.match_substring(texts, part))


def outside(numbers: Any, low: float, high: float) -> Mask:
    """Return the rows whose number is not in a range."""
    return mask(pc.invert(pc.and_(pc.greater_equal(numbers, low), pc.less_equal(numbers, high))))


def only(values: Any, rows: Mask) -> Any:
    """Return a column with nothing in all other rows."""
    return pc.if_else(pa.array(rows), values, pa.scalar(None, values.type))


def mask(answers: Any) -> Mask:
    """Return Arrow's answers as numpy's; none is no."""
    filled: Mask = pc.fill_null(answers, fill_value=False).to_numpy(zero_copy_only=False)
    return filled
