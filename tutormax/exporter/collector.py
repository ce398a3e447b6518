"""The collector: what one scrape of the exporter answers, within a second whatever the stores do."""

import time
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.registry import Collector

from tutormax import log, metrics
from tutormax.catalogue import Family
from tutormax.exporter import families
from tutormax.exporter.reading import Reading, T
from tutormax.exporter.stores import Stores

_log = log.get(__name__)

SCRAPE_SECONDS = 0.8
TUTORS_FRESH_SECONDS = 60.0
TUTORS_KEPT_SECONDS = 300.0


class StoreCollector(Collector):
    """Reads both stores at each scrape; of one that does not answer, only that is told."""

    def __init__(self, stores: Stores) -> None:
        self._doorbells = Reading("broker", stores.doorbells)
        self._ledger = Reading("postgresql", stores.ledger)
        self._tutors = Reading(
            "tutors", stores.tutors, fresh_seconds=TUTORS_FRESH_SECONDS, kept_seconds=TUTORS_KEPT_SECONDS
        )
        self._failing: set[str] = set()

    def describe(self) -> list[Metric]:
        """Describe nothing: whoever registers a collector must not have to wait for the stores."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every family that can be read now."""
        until = time.monotonic() + SCRAPE_SECONDS
        for reading in (self._doorbells, self._ledger, self._tutors):
            reading.start()
        yield from families.configured()
        yield from self._broker_families(until)
        yield from self._database_families(until)

    def _broker_families(self, until: float) -> Iterator[Metric]:
        seen = self._read(self._doorbells, until, metrics.BROKER_UP)
        yield metrics.BROKER_UP.one(seen is not None)
        if seen is not None:
            yield metrics.BROKER_READ_DURATION.one(seen[1])
            yield from families.of_doorbells(seen[0])

    def _database_families(self, until: float) -> Iterator[Metric]:
        seen = self._read(self._ledger, until, metrics.DATABASE_UP)
        yield metrics.DATABASE_UP.one(seen is not None)
        if seen is None:
            return
        ledger, seconds = seen
        yield metrics.DATABASE_READ_DURATION.one(seconds)
        yield from families.of_depths(ledger.depths)
        yield from families.of_schedules(ledger.schedules)
        yield from families.of_processes(ledger.processes)
        yield from families.of_models(ledger.models, ledger.outcomes)
        yield from families.of_drift(ledger.drift)
        yield from families.of_operator_actions(ledger.operator_actions)
        yield from families.of_breakers(ledger.breakers)
        tutors = self._read(self._tutors, until, metrics.TUTORS)
        if tutors is not None:
            yield from families.of_tutors(tutors[0])

    def _read(self, reading: Reading[T], until: float, what: Family) -> tuple[T, float] | None:
        name = what.metric.name
        try:
            seen = reading.get(until)
        except Exception as error:  # noqa: BLE001  # whatever it is, the store cannot be read
            if name not in self._failing:
                _log.warning("cannot be read", what=name, error=str(error).splitlines()[0] if str(error) else "")
            self._failing.add(name)
            return None
        if name in self._failing:
            _log.info("can be read again", what=name)
            self._failing.discard(name)
        return seen.value, seen.seconds
