"""What every test may ask for: real servers started once, and a transaction that is rolled back."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from tutormax import db, partitions, schema, servers, settings

# The month in which the tests play; factories write around it.
NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Endpoints]:
    """The embedded PostgreSQL and Valkey of this run; everything else reaches them through the settings."""
    with servers.embedded(Path(tmp_path_factory.mktemp("servers"))) as served:
        os.environ["DATABASE_URL"] = served.database_url
        os.environ["REDIS_URL"] = served.redis_url
        settings.current.cache_clear()
        yield served


@pytest.fixture(scope="session")
def engine(endpoints: servers.Endpoints) -> Iterator[Engine]:
    """An engine on the migrated test database."""
    made = db.connect(endpoints.database_url, application="tests")
    with made.begin() as connection:
        schema.upgrade(connection)
        partitions.ensure(connection, NOW.replace(year=2025), NOW.replace(month=12))
    yield made
    made.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A connection inside a transaction that the test's end rolls back."""
    with engine.connect() as opened, opened.begin() as transaction:
        yield opened
        transaction.rollback()
