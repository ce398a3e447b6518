"""How large an exam is: its marketplace, the weeks that are learnt from, and the weeks that test."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ml.projection import HORIZONS
from tutormax.generation.process import Parameters

# A Monday, as good as any.
TRAINED_AT = datetime(2026, 6, 1, tzinfo=UTC)
SLACK_DAYS = 2


@dataclass(frozen=True, slots=True)
class Scale:
    """One exam; the defaults are the reference."""

    tutors: int = 1500
    seed: int = 7
    history_days: int = 210
    test_days: int = 56
    lead_days: int = 90
    """Of rows before the first snapshot, for the longest windows to look back on."""
    burn_in_days: int = Parameters().burn_in_days
    horizons: tuple[int, ...] = HORIZONS
    interactions: bool = False
    training_seed: int = 0
    threads: int = 2

    @property
    def parameters(self) -> Parameters:
        """What the marketplace is made with."""
        return Parameters(tutors=self.tutors, burn_in_days=self.burn_in_days, interactions=self.interactions)

    @property
    def tested_until(self) -> datetime:
        """The end of the weeks that test."""
        return TRAINED_AT + timedelta(days=self.test_days)

    @property
    def end(self) -> datetime:
        """When every label is final."""
        return self.tested_until + timedelta(days=max(self.horizons) + SLACK_DAYS)

    @property
    def world_days(self) -> int:
        """How many days of rows are needed."""
        return self.lead_days + self.history_days + (self.end - TRAINED_AT).days
