"""A file's checked rows beside the tables they are meant for, in a table that ends with the transaction."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pyarrow import csv
from sqlalchemy import Connection, text

from tutormax import planner
from tutormax.ingest.kinds import COLUMNS, Kind
from tutormax.ingest.validation import KNOWN_AT
from tutormax.ingest.values import Identifier


def create(connection: Connection, kind: Kind, organization: int) -> None:
    """Make an empty staging table for one kind of rows of an organization."""
    columns = [f"{column.name} {column.rule.sql_type}" for column in COLUMNS[kind]]
    # The organization is a column and no constant: for one that is new the planner would expect no rows to join,
    # because it has counted none, and would go through all of them once for each staged row.
    owner = f"organization_id integer not null default {organization}"
    definition = ", ".join(["line bigint not null", *columns, f"{KNOWN_AT} timestamptz", owner])
    # Inside a caller's longer transaction the last file's table may still be there.
    connection.execute(text("drop table if exists staged"))
    connection.execute(text(f"create temporary table staged ({definition}) on commit drop"))


@contextmanager
def copying(connection: Connection, kind: Kind) -> Iterator[Callable[[Any], None]]:
    """Give a function that appends typed rows to the staging table; its columns are in the table's order."""
    driver = connection.connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection is closed")
    with driver.cursor() as cursor, cursor.copy(_copy(kind)) as copy:

        def append(rows: Any) -> None:
            buffer = io.BytesIO()
            csv.write_csv(rows, buffer, csv.WriteOptions(include_header=False))
            copy.write(buffer.getvalue())

        yield append
    # The planner must know how many rows there are, and how many of them share an id; the rest is only carried.
    identifiers = [column.name for column in COLUMNS[kind] if isinstance(column.rule, Identifier)]
    planner.count_anew(connection, f"staged (organization_id, {', '.join(identifiers)})")


def _copy(kind: Kind) -> str:
    names = ["line", *(column.name for column in COLUMNS[kind]), KNOWN_AT]
    return f"copy staged ({', '.join(names)}) from stdin (format csv)"
