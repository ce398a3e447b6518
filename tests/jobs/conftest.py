"""What tests of the ledger with real workers ask for."""

from collections.abc import Iterator

import pytest

from tests.faults.harness import Redis, rung_by_us


@pytest.fixture
def own_redis(database: str) -> Iterator[Redis]:
    """A Redis and a database of the test's own, rung by this process, with a table of effects."""
    assert database
    with rung_by_us(Redis()) as started:
        yield started
