"""Parts of a test's one transaction, for what makes transactions of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from tutormax.db import Begin


def within(connection: Connection) -> Begin:
    """Return what gives a part of the test's transaction for one of its own."""

    @contextmanager
    def begin() -> Iterator[Connection]:
        with connection.begin_nested():
            yield connection

    return begin
