"""Tutors are looked at every seven days within their spells, each at an hour of its own."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from ml.features.build import microseconds
from ml.labels import Spells
from ml.snapshots import SPACING_SECONDS, Snapshots, phase_seconds, snapshots
from tests.conftest import NOW

DAY, WEEK, TICK = timedelta(days=1), timedelta(days=7), timedelta(microseconds=1)


def of(
    spells: Sequence[tuple[str, datetime, datetime]], after: datetime = NOW - 70 * DAY, until: datetime = NOW
) -> Snapshots:
    made = Spells(
        tutor_ids=np.arange(len(spells), dtype=np.int64),
        external_ids=tuple(name for name, _, _ in spells),
        opened_at=np.array([microseconds(opened_at) for _, opened_at, _ in spells], dtype="datetime64[us]"),
        churn_at=np.array([microseconds(churn_at) for _, _, churn_at in spells], dtype="datetime64[us]"),
    )
    return snapshots(made, after=microseconds(after), until=microseconds(until))


def instants(taken: Snapshots) -> list[datetime]:
    return taken.spine.instants()


ALWAYS = (NOW - 365 * DAY, NOW + 365 * DAY)


def test_a_tutor_is_looked_at_every_seven_days() -> None:
    seen = instants(of([("anna", *ALWAYS)]))

    assert len(seen) == 10
    assert {later - earlier for earlier, later in pairwise(seen)} == {WEEK}


def test_tomorrow_looks_at_the_same_instants() -> None:
    today = set(instants(of([("anna", *ALWAYS)])))
    tomorrow = set(instants(of([("anna", *ALWAYS)], NOW - 69 * DAY, NOW + DAY)))

    assert len(today & tomorrow) >= 9


def test_instants_lie_after_the_first_bound_and_up_to_the_last() -> None:
    first, *_, last = instants(of([("anna", *ALWAYS)]))

    assert instants(of([("anna", *ALWAYS)], after=first, until=last))[0] == first + WEEK
    assert instants(of([("anna", *ALWAYS)], after=first - TICK, until=last - TICK))[-1] == last - WEEK
    assert len(instants(of([("anna", *ALWAYS)], after=first - TICK, until=last))) == 10


def test_a_spell_is_looked_at_from_its_beginning_until_just_before_its_end() -> None:
    seen = instants(of([("anna", *ALWAYS)]))

    assert instants(of([("anna", seen[2], seen[5])])) == seen[2:5]
    assert instants(of([("anna", seen[2] + TICK, seen[5] + TICK)])) == seen[3:6]


def test_a_spell_between_two_instants_is_not_looked_at() -> None:
    seen = instants(of([("anna", *ALWAYS)]))

    assert instants(of([("anna", seen[2] + TICK, seen[3])])) == []


def test_rows_come_by_instant_and_tutor_with_the_end_of_their_spell() -> None:
    seen = instants(of([("anna", *ALWAYS)]))
    taken = of([("anna", seen[4], ALWAYS[1]), ("anna", ALWAYS[0], seen[3]), ("bert", *ALWAYS)])

    keys = list(zip(taken.spine.as_of.tolist(), taken.spine.tutor_ids.tolist(), strict=True))
    assert keys == sorted(keys)
    assert set(taken.churn_at[taken.spine.tutor_ids == 1].tolist()) == {seen[3].replace(tzinfo=None)}


def test_phases_spread_over_the_days_of_the_week_and_the_hours_of_the_day() -> None:
    phases = np.array([phase_seconds(f"tutor {number}") for number in range(7000)])

    days = np.bincount(phases // 86400, minlength=7)
    hours = np.bincount(phases % 86400 // 3600, minlength=24)
    assert phases.max() < SPACING_SECONDS
    assert days.min() > 850
    assert hours.min() > 220


def test_a_phase_is_the_same_on_every_machine() -> None:
    assert [phase_seconds(name) for name in ("anna", "Jürgen")] == [208846, 14194]


def test_nobody_gives_no_snapshots() -> None:
    assert len(of([]).spine) == 0
