"""A small storm in every run of the tests; the large ones are `make storm`."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.faults import plants
from tests.faults.storm import oracle, plan, storm
from tests.faults.storm.__main__ import TIERS, say
from tests.faults.storm.contrast import stock
from tests.faults.storm.plan import Fault, Kill
from tests.faults.storm.storm import Terms

pytestmark = pytest.mark.timeout(600)


def test_a_storm_of_a_known_seed_loses_nothing_and_doubles_nothing() -> None:
    verdict = storm.run(TIERS["smoke"], say)

    assert oracle.shown(verdict.violations) == []
    assert verdict.counts.accepted >= TIERS["smoke"].jobs
    assert len(verdict.timeline) == TIERS["smoke"].kills + TIERS["smoke"].faults


def test_a_seed_is_a_plan_in_which_every_fault_comes() -> None:
    strikes = plan.plan(7, kills=200, faults=100)

    assert strikes == plan.plan(7, kills=200, faults=100)
    assert strikes != plan.plan(8, kills=200, faults=100)
    assert {strike.what for strike in strikes} == {*Kill, *Fault}
    assert sum(isinstance(strike.what, Kill) for strike in strikes) == 200
    assert [strike.share for strike in strikes] == sorted(strike.share for strike in strikes)


# What random kills can hit. A missing fence, a missing key and a link that is moved too early have windows of a few
# milliseconds: the failpoints find those.
FOUND_BY_STORMS = [plants.no_relay, plants.two_transactions]


@pytest.mark.slow
@pytest.mark.parametrize("plant", FOUND_BY_STORMS, ids=lambda plant: plant.__name__)
def test_a_storm_finds_a_planted_bug(plant: Callable[[], None]) -> None:
    terms = replace(TIERS["smoke"], jobs=2000, seconds=30, kills=20, faults=10, plant=plant.__name__)

    assert storm.run(terms, say).violations


@pytest.mark.slow
def test_a_storm_finds_that_dramatiq_as_it_comes_loses_messages() -> None:
    counts = stock(Terms(seed=7, jobs=2000, kills=10, faults=20, seconds=40))

    assert counts["lost"] > 0
