"""The drill's desk, running from the first test to the last, and an observatory for whoever looks through it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.harness import eventually
from tests.ops.desk import Desk, desk
from tests.ops.observatory import Observatory, observatory
from tutormax import log
from tutormax.broker import Queue

# Imports of all processes at once, on a machine that may be busy.
START_SECONDS = 120.0
WANTED = {"tutormax-worker": 2, "tutormax-scheduler": 1, "tutormax-exporter": 2}


@pytest.fixture(scope="session")
def running() -> Iterator[Desk]:
    """Everything but Prometheus, under way."""
    log.configure(json=False, level="WARNING")
    with desk() as made:
        yield made


# For a module and no longer: where costs are measured, nobody else may be looking.
@pytest.fixture(scope="module")
def seen(running: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observatory]:
    """Prometheus and Alertmanager, with every process in sight and no alert firing."""
    directory: Path = tmp_path_factory.mktemp("observatory")
    with observatory(directory, running.exporters, running.addresses) as made:
        await_well(made)
        yield made


def await_well(seen: Observatory, *, seconds: float = START_SECONDS) -> None:
    """Wait until all processes answer, every canary has flown, and no alert of ours fires."""
    try:
        eventually(lambda: ills(seen) == {}, seconds=seconds)
    except AssertionError:
        raise AssertionError(ills(seen)) from None


def ills(seen: Observatory) -> dict[str, object]:
    """Return what is not well, and nothing when all is."""
    answering = seen.by("job", 'sum by (job) (up{job=~"tutormax-.+"})')
    canaries = seen.value("count(max by (queue_name) (tutormax_canary_last_success_timestamp_seconds) > 0)")
    # Not the slow burn of an objective: it remembers the drill's dead jobs for longer than the drill lasts.
    firing = seen.series('ALERTS{alertname=~"TutorMax.+", alertname!~"TutorMaxSLOBurn.+", alertstate="firing"}')
    found = {
        "answering": None if answering == WANTED else answering,
        "canaries": None if canaries == len(Queue) else canaries,
        "firing": [alert["metric"] for alert in firing],
    }
    return {name: what for name, what in found.items() if what}
