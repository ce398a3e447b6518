"""What tests of the ledger with real workers ask for."""

from collections.abc import Iterator

import pytest

from tests.faults.harness import Redis
from tests.jobs import probes
from tutormax import broker, db
from tutormax.jobs import ring


@pytest.fixture
def own_redis(database: str) -> Iterator[Redis]:
    """A Redis and a database of the test's own, rung by this process, with a table of effects."""
    assert database
    started = Redis()
    bell = broker.DoorbellBroker(started.url)
    ring.use(bell)
    with db.transaction() as connection:
        probes.make_effects(connection)
    yield started
    ring.use(None)
    bell.close()
    started.close()
