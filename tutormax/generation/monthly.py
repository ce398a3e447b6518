"""Facts copied straight into their months, and marks of the days that they touch.

While a trigger looks at whole statements, PostgreSQL copies row by row into a table whose partitions it has to choose;
into a month by itself it copies page by page. No trigger sees such rows, so who copies them marks their days.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from tutormax import partitions
from tutormax.ahead import Ahead
from tutormax.generation import copying, instants
from tutormax.generation.copying import Piece, Rows
from tutormax.generation.process import Flags, Integers


@dataclass(frozen=True, slots=True)
class Facts:
    """Rows of one table of facts: whom each is about, when it happened, and whether daily sums count it."""

    rows: Rows
    tutor_ids: Integers
    happened: Integers
    counts: Flags


def append(connection: Connection, facts: Iterable[Facts]) -> None:
    """Append facts to the months in which they happened, which must be there, and mark the days of those that count."""
    copying.append(connection, _rows(facts))


def begun(facts: Iterable[Facts]) -> Ahead[Piece]:
    """Begin to make facts for their months, and the marks."""
    return copying.begun(_rows(facts))


def _rows(facts: Iterable[Facts]) -> Iterator[Rows]:
    told = []
    for each in facts:
        yield from _by_month(each)
        told.append(each)
    yield _marks(told)


def _by_month(facts: Facts) -> Iterator[Rows]:
    months = facts.happened.astype("M8[us]").astype("M8[M]")
    present = np.unique(months)
    for month in present:
        columns = facts.rows.columns
        if len(present) > 1:
            within = np.flatnonzero(months == month)
            columns = {name: field.take(within) for name, field in columns.items()}
        yield Rows(partitions.name_of(facts.rows.table, month.item()), columns)


def _marks(told: Sequence[Facts]) -> Rows:
    """Return what the tables' triggers append for everybody else: a row for each tutor and day."""
    tutor_ids = np.concatenate([facts.tutor_ids[facts.counts] for facts in told])
    happened = np.concatenate([facts.happened[facts.counts] for facts in told])
    days = happened // instants.DAY
    order = np.lexsort((days, tutor_ids))
    tutor_ids, happened, days = tutor_ids[order], happened[order], days[order]
    first = np.flatnonzero(np.diff(tutor_ids, prepend=-1).astype(bool) | np.diff(days, prepend=-1).astype(bool))
    return Rows(
        "touched_days",
        {
            "tutor_id": copying.int4(tutor_ids[first]),
            "day": copying.date(days[first]),
            "earliest": copying.timestamptz(np.minimum.reduceat(happened, first)),
            "latest": copying.timestamptz(np.maximum.reduceat(happened, first)),
        },
    )
