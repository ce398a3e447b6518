"""The living tutors of a world: what each is like, and the state of each tonight."""

from dataclasses import dataclass

import numpy as np

from tutormax.generation.columns import Columns
from tutormax.generation.process import (
    BASELINE_SHARES,
    BASELINES,
    SILENT_DAYS_TO_CHURN,
    SKILL_SHARES,
    STATES,
    SUBJECT_SHARES,
    Flags,
    Floats,
    Integers,
    entry_shares,
)

LOGIN_SPREAD, RESPONSE_SPREAD = 0.35, 0.45
SUBJECT_VARIANTS = 12


@dataclass(frozen=True, slots=True)
class Tutors(Columns):
    """Traits that stay and a state that moves; in the order in which they joined."""

    ordinal: Integers
    """Counts the tutors of a world in the order they joined."""
    joined_day: Integers
    """Day since 1970."""
    baseline: Integers
    subject: Integers
    variant: Integers
    """Which of the subject group's subjects; says nothing about anything else."""
    skill: Integers
    login_factor: Floats
    response_shift: Floats
    state: Integers
    silent_days: Integers
    """Days in a row without a completed session; from SILENT_DAYS_TO_CHURN on the tutor counts as churned."""

    def tenure_days(self, day: int) -> Integers:
        """Return the days since each joined."""
        return day - self.joined_day

    @property
    def open_spell(self) -> Flags:
        """Who has not churned, or has come back since."""
        return self.silent_days < SILENT_DAYS_TO_CHURN


def entering(count: int, day: int, first_ordinal: int, rng: np.random.Generator) -> Tutors:
    """Return tutors who join on a day."""
    return Tutors(
        ordinal=first_ordinal + np.arange(count),
        joined_day=np.full(count, day),
        baseline=rng.choice(len(BASELINES), count, p=BASELINE_SHARES),
        subject=rng.choice(len(SUBJECT_SHARES), count, p=SUBJECT_SHARES),
        variant=rng.integers(SUBJECT_VARIANTS, size=count),
        skill=rng.choice(len(SKILL_SHARES), count, p=SKILL_SHARES),
        login_factor=np.exp(rng.normal(0.0, LOGIN_SPREAD, count)),
        response_shift=rng.normal(0.0, RESPONSE_SPREAD, count),
        state=rng.choice(STATES, count, p=entry_shares()),
        silent_days=np.zeros(count, np.int64),
    )
