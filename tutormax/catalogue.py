"""The catalogue of metrics: what each is called, who exports it and what it means, and the objects behind the names.

`tutormax/metrics.py` declares every one of them once, with the functions of this module; the page for operators, the
registry of each process and the families of the exporter are made of the same declarations.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib import import_module
from threading import Lock

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from tutormax import __version__

# A second series beside each counter and histogram that nothing reads.
disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client leaves it untyped

OTHER = "other"


class Process(StrEnum):
    """Who exports metrics."""

    WORKER = "worker"
    SCHEDULER = "scheduler"
    EXPORTER = "exporter"


class Kind(StrEnum):
    """The types of Prometheus that are in use."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as operators know it; nobody exports one that still waits for something."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str
    by: tuple[Process, ...]
    since: str = __version__
    waits_for: str | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """A metric whose values are read when they are asked for, from Redis or PostgreSQL."""

    metric: Metric

    def of(self, values: Iterable[tuple[Sequence[str], float]]) -> GaugeMetricFamily | CounterMetricFamily:
        """Return the family with these label values and values."""
        make = CounterMetricFamily if self.metric.kind is Kind.COUNTER else GaugeMetricFamily
        family = make(self.metric.name, self.metric.meaning, labels=self.metric.labels)
        for labels, value in values:
            family.add_metric(labels, value)
        return family

    def one(self, value: float) -> GaugeMetricFamily | CounterMetricFamily:
        """Return the family of a metric without labels."""
        return self.of([((), value)])


_catalogue: dict[str, Metric] = {}
_counted: dict[str, Counter | Gauge | Histogram] = {}


def catalogue() -> tuple[Metric, ...]:
    """Return every metric, in the order of declaration."""
    # Whoever asks for the whole need not know where it is declared.
    import_module("tutormax.metrics")
    return tuple(_catalogue.values())


def counted() -> Mapping[str, Counter | Gauge | Histogram]:
    """Return the objects that count, by the names of their metrics."""
    import_module("tutormax.metrics")
    return _counted


def counter(name: str, meaning: str, labels: Sequence[str] = (), *, by: Sequence[Process]) -> Counter:
    """Declare what a process counts."""
    _enter(Metric(name, Kind.COUNTER, tuple(labels), meaning, tuple(by)))
    made = Counter(name, meaning, labels, registry=None)
    _counted[name] = made
    return made


def gauge(name: str, meaning: str, labels: Sequence[str] = (), *, by: Sequence[Process]) -> Gauge:
    """Declare a level that a process knows."""
    _enter(Metric(name, Kind.GAUGE, tuple(labels), meaning, tuple(by)))
    made = Gauge(name, meaning, labels, registry=None)
    _counted[name] = made
    return made


def histogram(
    name: str, meaning: str, labels: Sequence[str] = (), *, by: Sequence[Process], buckets: Sequence[float]
) -> Histogram:
    """Declare times that a process observes."""
    _enter(Metric(name, Kind.HISTOGRAM, tuple(labels), meaning, tuple(by)))
    made = Histogram(name, meaning, labels, buckets=buckets, registry=None)
    _counted[name] = made
    return made


def exported(name: str, meaning: str, labels: Sequence[str] = (), *, kind: Kind = Kind.GAUGE) -> Family:
    """Declare what the exporter reads."""
    return Family(_enter(Metric(name, kind, tuple(labels), meaning, (Process.EXPORTER,))))


def planned(name: str, kind: Kind, meaning: str, labels: Sequence[str] = (), *, waits_for: str) -> None:
    """Name a metric that nobody exports yet, and why."""
    _enter(Metric(name, kind, tuple(labels), meaning, (), waits_for=waits_for))


def _enter(metric: Metric) -> Metric:
    if metric.name in _catalogue:
        raise ValueError(f"{metric.name} is declared twice")
    _catalogue[metric.name] = metric
    return metric


@lru_cache(maxsize=len(Process))
def registry(process: Process) -> CollectorRegistry:
    """Return what one kind of process exports: its own metrics and none of another kind's, and the process itself."""
    made = CollectorRegistry(auto_describe=True)
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=made)
    for name, one in counted().items():
        if process in _catalogue[name].by:
            made.register(one)
    return made


class Bounded:
    """The values of one label in this process: the first so many under their names, all others as `other`."""

    def __init__(self, metric: str, most: int, overflow: Counter) -> None:
        self.metric = metric
        self._most = most
        # Begun at zero, or nobody would see the first one grow.
        self._folded = overflow.labels(metric)
        self._named: set[str] = set()
        self._lock = Lock()

    def __call__(self, value: str) -> str:
        """Return a value as it may be a label."""
        with self._lock:
            if value in self._named or len(self._named) < self._most:
                self._named.add(value)
                return value
        self._folded.inc()
        return OTHER
