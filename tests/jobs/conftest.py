"""What tests of the ledger with real workers ask for."""

from collections.abc import Iterator

import pytest

from tests.faults.harness import Redis, rung_by_us
from tutormax import failpoints
from tutormax.jobs import ring


@pytest.fixture
def own_ledger(database: str) -> Iterator[None]:
    """A ledger of the test's own; nobody is rung, and nothing happens at boundaries any more when it ends."""
    assert database
    ring.use(None)
    yield
    failpoints.arm(None)
    ring.use(None)


@pytest.fixture
def own_redis(database: str) -> Iterator[Redis]:
    """A Redis and a database of the test's own, rung by this process, with a table of effects."""
    assert database
    with rung_by_us(Redis()) as started:
        yield started
