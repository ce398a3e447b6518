"""Facts copied straight into their months, and marks of the days that they touch.

While a trigger looks at whole statements, PostgreSQL copies row by row into a table whose partitions it has to choose;
into a month by itself it copies page by page. No trigger sees such rows, so who copies them marks their days.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from tutormax import partitions
from tutormax.generation import copying, instants
from tutormax.generation.copying import Field
from tutormax.generation.process import Flags, Integers


@dataclass(frozen=True, slots=True)
class Touched:
    """Whom each fact is about, when it happened, and whether daily sums count it."""

    tutor_ids: Integers
    happened: Integers
    counts: Flags


def copy(connection: Connection, table: str, columns: Mapping[str, Field], touched: Touched) -> int:
    """Append facts to the months in which they happened, which must be there, and mark their days; return how many."""
    months = touched.happened.astype("M8[us]").astype("M8[M]")
    copied = 0
    for month in np.unique(months):
        within = np.flatnonzero(months == month)
        some = {name: field.take(within) for name, field in columns.items()}
        copied += copying.copy(connection, partitions.name_of(table, month.item()), some)
    _mark(connection, touched)
    return copied


def _mark(connection: Connection, touched: Touched) -> None:
    """Append what the tables' triggers append for everybody else: a row for each tutor and day."""
    tutor_ids, happened = touched.tutor_ids[touched.counts], touched.happened[touched.counts]
    days = happened // instants.DAY
    order = np.lexsort((days, tutor_ids))
    tutor_ids, happened, days = tutor_ids[order], happened[order], days[order]
    first = np.flatnonzero(np.diff(tutor_ids, prepend=-1).astype(bool) | np.diff(days, prepend=-1).astype(bool))
    copying.copy(
        connection,
        "touched_days",
        {
            "tutor_id": copying.int4(tutor_ids[first]),
            "day": copying.date(days[first]),
            "earliest": copying.timestamptz(np.minimum.reduceat(happened, first)),
            "latest": copying.timestamptz(np.maximum.reduceat(happened, first)),
        },
    )
