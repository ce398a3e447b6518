"""The job engine for a minute: no-op jobs against stock Dramatiq, which is installed wherever we are."""

from collections.abc import Iterator

from tests.benchmarks.engines.engine import Task
from tests.benchmarks.engines.ours import QUEUE, TutorMax
from tests.benchmarks.engines.stock_dramatiq import StockDramatiq
from tests.benchmarks.jobs import drained, inserted, started
from tests.benchmarks.measure import Figure
from tests.benchmarks.relaying import relaying

PROCESSES = 1


def figures() -> Iterator[Figure]:
    """Measure one worker process."""
    engines = [TutorMax(), StockDramatiq()]
    with relaying([QUEUE]), started(engines, PROCESSES):
        yield from drained(engines, Task.NOTHING, PROCESSES)
    yield inserted(engines[0])
