"""The oracle against the generator itself: futures lived ten thousand times over, and what came of what it foresaw."""

from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import pytest
from numpy.typing import NDArray

from ml import evidence
from ml.calibration import log_odds, sigmoid
from ml.gate import Decision, Judgement, judge
from ml.oracle import filter as forward
from ml.oracle.filter import Evening
from ml.oracle.latent import SILENT_DAYS, DriftingWorldError, churn_probabilities, known
from ml.projection import HORIZONS
from ml.validation import auc, quality
from tutormax.generation.process import AT_WORK, GONE, LEVELS, STATES, Parameters, Regime
from tutormax.generation.tutors import Tutors, entering
from tutormax.generation.world import World, live
from tutormax.populations import Population

FIRST_DAY = 20_600
FUTURES, STARTS = 400, 50


def starting(seed: int = 1) -> Tutors:
    """Return tutors in fifty different situations, some on leave or gone, some silent for long."""
    rng = np.random.default_rng(seed)
    tutors = entering(STARTS, FIRST_DAY, 0, rng)
    states = np.r_[rng.choice(AT_WORK, STARTS - 15), rng.integers(AT_WORK, GONE, 7), np.full(8, GONE)]
    silent = np.r_[rng.integers(0, 3, STARTS - 15), rng.integers(0, SILENT_DAYS, 15)]
    return tutors.with_(state=states, silent_days=silent, joined_day=FIRST_DAY - rng.integers(1, 90, STARTS))


def lived(parameters: Parameters, tutors: Tutors) -> NDArray[np.float64]:
    """Return how many of many futures of each tutor ended within each horizon; their hours are drawn here."""
    rng = np.random.default_rng(2)
    origin = np.repeat(np.arange(len(tutors)), FUTURES)
    crowd = tutors.take(origin).with_(ordinal=np.arange(len(origin)))
    empty = replace(parameters, tutors=0)
    world = World(empty, seed=3, first_day=FIRST_DAY, day=FIRST_DAY, tutors=crowd, next_ordinal=len(crowd))
    gone = np.zeros(len(crowd), np.bool_)
    # When a day's last session ended: the latest of as many hours as there were sessions, here at least one.
    last = latest(np.maximum(1, rng.poisson(2.0, len(crowd))), rng)
    shares = []
    for ahead in range(1, max(HORIZONS) + 1):
        silent = np.full(len(crowd), -1)
        silent[world.tutors.ordinal] = world.tutors.silent_days
        day = live(world)
        completed = np.zeros(len(crowd), np.int64)
        completed[day.tutors.ordinal] = day.draws.counts.completed
        gone[day.resigned.ordinal] = True
        in_time = (completed > 0) & (1 - latest(completed, rng) < last)
        gone |= (silent == SILENT_DAYS - 1) & ~in_time
        last = np.where(completed > 0, latest(completed, rng), last)
        world = day.world
        if ahead in HORIZONS:
            shares.append(np.bincount(origin, gone) / FUTURES)
    return np.column_stack(shares)


def latest(sessions: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    return np.asarray(rng.random(len(sessions)) ** (1 / np.maximum(1, sessions)))


@pytest.mark.parametrize("interactions", [False, True])
def test_futures_lived_many_times_end_as_often_as_foreseen(*, interactions: bool) -> None:
    parameters = Parameters(interactions=interactions)
    tutors = starting()

    foreseen = churn_probabilities(parameters, tutors, known(tutors), FIRST_DAY)

    happened = lived(parameters, tutors)
    # Half a future: of an event of one in a million none is expected, and one may come.
    error = np.sqrt(foreseen * (1 - foreseen) / FUTURES) + 0.5 / FUTURES
    assert np.abs((happened - foreseen) / error).max() < 4
    assert np.abs((happened - foreseen).mean(axis=0)).max() < 0.008


def test_the_longer_the_likelier() -> None:
    tutors = starting()

    foreseen = churn_probabilities(Parameters(), tutors, known(tutors), FIRST_DAY)

    assert (np.diff(foreseen, axis=1) >= 0).all()
    assert foreseen.min() >= 0
    assert foreseen.max() <= 1


def test_somebody_gone_and_silent_for_a_fortnight_leaves_today() -> None:
    tutors = starting().with_(state=np.full(STARTS, GONE), silent_days=np.full(STARTS, SILENT_DAYS - 1))

    foreseen = churn_probabilities(Parameters(), tutors, known(tutors), FIRST_DAY)

    assert foreseen[:, 0].min() > 0.98


def test_nothing_is_foreseen_of_nobody() -> None:
    nobody = starting().take(slice(0, 0))

    assert churn_probabilities(Parameters(), nobody, known(nobody), FIRST_DAY).shape == (0, len(HORIZONS))


def test_a_world_whose_laws_will_change_is_not_foreseen() -> None:
    tutors = starting()

    with pytest.raises(DriftingWorldError, match="day 100"):
        churn_probabilities(Parameters(drift_day=100), tutors, known(tutors), FIRST_DAY)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Looks at every tutor of a small world: what was foreseen of 30 days by whom, and what they brought."""

    labels: NDArray[np.int8]
    tutors: NDArray[np.int64]
    latent: NDArray[np.float64]
    told: NDArray[np.float64]
    """By the filter, had somebody told it the archetype."""
    filtered: NDArray[np.float64]


SMALL = Parameters(tutors=300, burn_in_days=90)
LOOKS = range(30, 121, 30)
REGIME_OF = np.r_[np.tile(np.repeat(np.arange(len(Regime)), LEVELS), 2), len(Regime)]


@pytest.fixture(scope="module")
def days() -> list[Evening]:
    warming = SMALL.burn_in_days
    return list(islice(forward.evenings(SMALL, 11, FIRST_DAY), warming, warming + LOOKS[-1] + 31))


@pytest.fixture(scope="module")
def foreseen(days: list[Evening]) -> Foreseen:
    parts = [_looked_at(days, at) for at in LOOKS]
    return Foreseen(
        labels=np.concatenate([part.labels for part in parts]),
        tutors=np.concatenate([part.tutors for part in parts]),
        latent=np.concatenate([part.latent for part in parts]),
        told=np.concatenate([part.told for part in parts]),
        filtered=np.concatenate([part.filtered for part in parts]),
    )


def _looked_at(days: list[Evening], at: int) -> Foreseen:
    evening = days[at]
    open_spell = evening.tutors.silent_days < SILENT_DAYS
    tutors, filtered = evening.tutors.take(open_spell), evening.beliefs[open_spell]
    left = np.zeros(len(tutors), np.bool_)
    for later in days[at + 1 : at + 31]:
        left |= ~np.isin(tutors.ordinal, later.tutors.ordinal[later.tutors.silent_days < SILENT_DAYS])
    told = filtered * (REGIME_OF[tutors.state][:, None] == REGIME_OF)
    beliefs = np.concatenate([known(tutors), told / told.sum(axis=1, keepdims=True), filtered])
    everybody = tutors.take(np.tile(np.arange(len(tutors)), 3))
    said = churn_probabilities(SMALL, everybody, beliefs, evening.day + 1, (30,))[:, 0]
    return Foreseen(left.astype(np.int8), tutors.ordinal, *np.split(said, 3))


def test_the_filter_is_sure_of_something_everywhere(days: list[Evening]) -> None:
    for evening in days[:: len(days) // 5]:
        assert evening.beliefs.shape == (len(evening.tutors), STATES)
        assert evening.beliefs.sum(axis=1) == pytest.approx(np.ones(len(evening.tutors)))


def test_the_filter_finds_as_many_in_each_regime_as_there_are(days: list[Evening]) -> None:
    believed, true = np.zeros((2, len(Regime) + 1))
    for evening in days[30::30]:
        believed += np.bincount(REGIME_OF, evening.beliefs.sum(axis=0))
        true += np.bincount(REGIME_OF[evening.tutors.state], minlength=len(Regime) + 1)

    assert believed / believed.sum() == pytest.approx(true / true.sum(), abs=0.03)


def test_what_the_filter_foresees_comes_as_often_as_it_says(foreseen: Foreseen) -> None:
    record = quality(foreseen.labels, foreseen.filtered, np.ones(len(foreseen.labels), np.bool_))

    assert record.positives > 100
    assert record.calibration_slope == pytest.approx(1.0, abs=0.2)
    assert record.mean_ratio == pytest.approx(1.0, abs=0.2)
    assert record.calibration_error < 0.04


def test_who_sees_the_state_knows_more_than_the_filter_and_both_more_than_nothing(foreseen: Foreseen) -> None:
    latent, filtered = auc(foreseen.labels, foreseen.latent), auc(foreseen.labels, foreseen.filtered)

    assert latent is not None
    assert filtered is not None
    assert latent > filtered > 0.8


def at_the_gate(foreseen: Foreseen, said: NDArray[np.float64]) -> Judgement:
    """Return what the gate says of who said this, knowing nothing but the oracle."""
    shown = evidence.of_oracle(foreseen.labels, said, foreseen.filtered, foreseen.tutors, seed=1)
    return judge(shown, Population.SYNTHETIC)


def test_nobody_honest_is_refused_for_knowing_too_much(foreseen: Foreseen) -> None:
    noise = np.random.default_rng(4).normal(0, 0.7, len(foreseen.labels))
    worse = sigmoid(log_odds(foreseen.filtered) + noise)

    assert at_the_gate(foreseen, foreseen.filtered).decision is Decision.PROMOTE
    assert at_the_gate(foreseen, worse).decision is Decision.PROMOTE


def test_who_was_told_the_archetype_is_refused(foreseen: Foreseen) -> None:
    judgement = at_the_gate(foreseen, foreseen.told)

    assert judgement.decision is Decision.REFUSE
    assert "something leaks" in judgement.reason
