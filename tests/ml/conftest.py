"""A random marketplace, filled once for the tests that only read it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection, Engine

from tests.ml.marketplace import fill


@dataclass(frozen=True, slots=True)
class Marketplace:
    """Tutors with random rows, and the connection that sees them."""

    connection: Connection
    tutors: list[int]


@pytest.fixture(scope="module")
def marketplace(engine: Engine) -> Iterator[Marketplace]:
    """Forty tutors with random rows, inside a transaction that the module's end rolls back."""
    with engine.connect() as connection, connection.begin() as transaction:
        yield Marketplace(connection, fill(connection, seed=1, tutors=40))
        transaction.rollback()
