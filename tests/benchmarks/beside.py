"""One stage measured: ours, its limit and what one would write instead, in turn, each with what it costs."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.benchmarks import goals
from tests.benchmarks.costs import Cost, cost_of
from tests.benchmarks.goals import Measured
from tests.benchmarks.measure import Figure
from tests.benchmarks.sheets import Aspect
from tests.benchmarks.sizes import Size

Act = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Stage:
    """What some rounds of a stage took, and what the limit and the ORM way took in the same rounds."""

    name: Measured
    size: Size
    tutors: int
    rows: int
    ours: Sequence[Cost]
    limit: Sequence[Cost] = ()
    orm: Sequence[Cost] = ()
    # The ORM way does this share of the work.
    orm_share: float = 1.0

    def figures(self) -> Iterator[Figure]:
        """Return every aspect that was measured."""
        yield self._figure(Aspect.WALL, "s", [cost.wall_seconds for cost in self.ours])
        yield self._figure(Aspect.CLIENT_CPU, "s", [cost.client_seconds for cost in self.ours])
        yield self._figure(Aspect.SERVER_CPU, "s", [cost.server_seconds for cost in self.ours])
        yield self._figure(Aspect.CPU, "s", [cost.cpu_seconds for cost in self.ours])
        yield self._figure(Aspect.CLIENT_PEAK, "MiB", [cost.client_peak_mib for cost in self.ours])
        yield self._figure(Aspect.SERVER_PEAK, "MiB", [cost.server_peak_mib for cost in self.ours])
        yield self._figure(Aspect.RATE, "rows/s", [self.rows / cost.wall_seconds for cost in self.ours])
        yield self._figure(Aspect.A_TUTOR, "ms", [1000 * cost.wall_seconds / self.tutors for cost in self.ours])
        yield self._figure(Aspect.CPU_A_TUTOR, "ms", [1000 * cost.cpu_seconds / self.tutors for cost in self.ours])
        if self.limit:
            yield from self._ratios((Aspect.TO_LIMIT, Aspect.CPU_TO_LIMIT), self.ours, self.limit)
        if self.orm:
            yield from self._ratios((Aspect.ORM, Aspect.ORM_CPU), self.orm, self.ours, 1 / self.orm_share)

    def _ratios(
        self, aspects: tuple[Aspect, Aspect], these: Sequence[Cost], those: Sequence[Cost], factor: float = 1.0
    ) -> Iterator[Figure]:
        wall, cpu = aspects
        pairs = list(zip(these, those, strict=True))
        yield self._figure(wall, "x", [factor * this.wall_seconds / that.wall_seconds for this, that in pairs])
        # What takes less than a tick of the clock took one.
        yield self._figure(cpu, "x", [factor * this.cpu_seconds / max(0.01, that.cpu_seconds) for this, that in pairs])

    def _figure(self, aspect: Aspect, unit: str, values: Sequence[float]) -> Figure:
        return Figure(
            f"{self.name}, {self.size.name}: {aspect}",
            statistics.median(values),
            unit,
            goals.of(self.name, self.size).get(aspect),
            len(values),
            (min(values), max(values)),
            more_is_better=aspect in (Aspect.RATE, Aspect.ORM, Aspect.ORM_CPU),
            stage=self.name,
            size=self.size.name,
            aspect=aspect,
        )


def in_turn(
    ours: Act, limit: Act | None, orm: Act | None, rounds: int, *, ready: Act | None = None
) -> tuple[list[Cost], list[Cost], list[Cost]]:
    """Measure what there is of the three, in each round one after the other; one of ours and of the limit first.

    What makes ready comes before each of ours, and is not measured.
    """
    acts = (ours, limit, orm)
    for act in (ready, ours, limit):
        if act is not None:
            act()
    taken = []
    for _ in range(rounds):
        if ready is not None:
            ready()
        taken.append([None if act is None else cost_of(act) for act in acts])
    mine, least, usual = ([cost for cost in costs if cost is not None] for costs in zip(*taken, strict=True))
    return mine, least, usual
