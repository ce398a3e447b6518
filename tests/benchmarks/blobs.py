"""Rows as COPY writes them: what is left of storing them when all work but PostgreSQL's own is done."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Connection, text

from tutormax import db


@dataclass(frozen=True, slots=True)
class Blobs:
    """The rows of some tables, in PostgreSQL's own binary form."""

    content: Mapping[str, bytes]

    @classmethod
    def of(cls, tables: Sequence[str], which: str = "true") -> Self:
        """Return the rows of tables for which a condition holds."""
        with db.transaction() as connection:
            return cls({table: _copied_out(connection, table, which) for table in tables})

    def copy(self) -> None:
        """Copy them into tables of the same indexes, which are forgotten at once."""
        with db.transaction() as connection:
            connection.execute(text("set local statement_timeout = 0"))
            for table, blob in self.content.items():
                connection.execute(text(f"create table copied_{table} (like {table} including all)"))
                with (
                    _driver(connection).cursor() as cursor,
                    cursor.copy(f"copy copied_{table} from stdin (format binary)") as to,
                ):
                    to.write(blob)
            connection.rollback()


def _copied_out(connection: Connection, table: str, which: str) -> bytes:
    blob = io.BytesIO()
    statement = f"copy (select * from {table} where {which}) to stdout (format binary)"
    with _driver(connection).cursor() as cursor, cursor.copy(statement) as out:
        for piece in out:
            blob.write(piece)
    return blob.getvalue()


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection
