"""Churn is computed from rows: spells, their ends, and labels that flip exactly at the edges of a horizon."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Connection

from ml.features.build import microseconds
from ml.labels import Instants, Spells, churn_labels, newest_mature, spells
from tests.conftest import NOW
from tests.factories import add_event, add_organization, add_session, add_tutor
from tests.ml.conftest import Marketplace
from tutormax.populations import Population
from tutormax.tutors import active_tutors

DAY, HOUR, TICK = timedelta(days=1), timedelta(hours=1), timedelta(microseconds=1)
JOINED = NOW - 100 * DAY
CLOCK = timedelta(hours=336)


@pytest.fixture
def tutor(connection: Connection) -> int:
    """A tutor of a synthetic organization, who joined 100 days ago."""
    return add_tutor(connection, organization=add_organization(connection, synthetic=True), joined_at=JOINED)


def taught(connection: Connection, tutor: int, ended_at: datetime, **facts: object) -> None:
    add_session(
        connection,
        tutor,
        **({"scheduled_start": ended_at - HOUR, "ended_at": ended_at, "outcome_known_at": ended_at} | facts),
    )


def of(connection: Connection, tutor: int, **facts: datetime) -> list[tuple[datetime, datetime]]:
    """Return when a tutor's spells began and ended."""
    found = spells(connection, Population.SYNTHETIC, **({"known_at": NOW, "since": JOINED - DAY} | facts))
    return [
        (opened_at, churn_at)
        for owner, opened_at, churn_at in zip(
            found.tutor_ids, times(found.opened_at), times(found.churn_at), strict=True
        )
        if owner == tutor
    ]


def times(instants: Instants) -> list[datetime]:
    return [instant.replace(tzinfo=NOW.tzinfo) for instant in instants.tolist()]


def test_who_never_teaches_leaves_14_days_after_joining(connection: Connection, tutor: int) -> None:
    assert of(connection, tutor) == [(JOINED, JOINED + CLOCK)]


def test_a_spell_ends_14_days_after_the_last_completed_session_ended(connection: Connection, tutor: int) -> None:
    taught(connection, tutor, JOINED + 5 * DAY)
    taught(connection, tutor, JOINED + 15 * DAY)

    assert of(connection, tutor) == [(JOINED, JOINED + 15 * DAY + CLOCK)]


@pytest.mark.parametrize(("late", "spells"), [(-TICK, 1), (timedelta(0), 1), (TICK, 2)])
def test_a_session_that_ends_within_14_days_keeps_the_spell_open(
    connection: Connection, tutor: int, late: timedelta, spells: int
) -> None:
    taught(connection, tutor, JOINED + CLOCK + late)

    assert len(of(connection, tutor)) == spells


def test_a_completed_session_after_churn_opens_a_new_spell(connection: Connection, tutor: int) -> None:
    taught(connection, tutor, JOINED + 30 * DAY)
    taught(connection, tutor, JOINED + 40 * DAY)

    assert of(connection, tutor) == [
        (JOINED, JOINED + CLOCK),
        (JOINED + 30 * DAY, JOINED + 40 * DAY + CLOCK),
    ]


@pytest.mark.parametrize("status", ["tutor_no_show", "student_no_show", "cancelled", "scheduled"])
def test_only_completed_sessions_keep_a_spell_open(connection: Connection, tutor: int, status: str) -> None:
    add_session(connection, tutor, scheduled_start=JOINED + 10 * DAY, status=status)

    assert of(connection, tutor) == [(JOINED, JOINED + CLOCK)]


def test_a_resignation_ends_the_spell_at_once(connection: Connection, tutor: int) -> None:
    taught(connection, tutor, JOINED + 5 * DAY)
    add_event(connection, tutor, "resignation", event_time=JOINED + 6 * DAY)
    add_event(connection, tutor, "resignation", event_time=JOINED + 7 * DAY)

    assert of(connection, tutor) == [(JOINED, JOINED + 6 * DAY)]


def test_a_session_after_a_resignation_opens_a_new_spell(connection: Connection, tutor: int) -> None:
    add_event(connection, tutor, "resignation", event_time=JOINED + 6 * DAY)
    taught(connection, tutor, JOINED + 8 * DAY)

    assert of(connection, tutor) == [(JOINED, JOINED + 6 * DAY), (JOINED + 8 * DAY, JOINED + 8 * DAY + CLOCK)]


def test_a_resignation_at_the_end_of_a_session_ends_the_spell(connection: Connection, tutor: int) -> None:
    taught(connection, tutor, JOINED + 5 * DAY)
    add_event(connection, tutor, "resignation", event_time=JOINED + 5 * DAY)

    assert of(connection, tutor) == [(JOINED, JOINED + 5 * DAY)]


def test_a_resignation_after_14_idle_days_comes_too_late_to_matter(connection: Connection, tutor: int) -> None:
    add_event(connection, tutor, "resignation", event_time=JOINED + 20 * DAY)

    assert of(connection, tutor) == [(JOINED, JOINED + CLOCK)]


def test_two_sessions_that_end_together_are_one_sign_of_activity(connection: Connection, tutor: int) -> None:
    for ended_at in (JOINED + 5 * DAY, JOINED + 5 * DAY, JOINED + 30 * DAY, JOINED + 30 * DAY):
        taught(connection, tutor, ended_at)

    assert of(connection, tutor) == [
        (JOINED, JOINED + 5 * DAY + CLOCK),
        (JOINED + 30 * DAY, JOINED + 30 * DAY + CLOCK),
    ]


def test_a_session_without_an_end_lasted_as_long_as_planned(connection: Connection, tutor: int) -> None:
    start = JOINED + 5 * DAY
    add_session(connection, tutor, scheduled_start=start, ended_at=None, duration_minutes=90)

    assert of(connection, tutor) == [(JOINED, start + timedelta(minutes=90) + CLOCK)]


def test_what_was_learned_later_does_not_count(connection: Connection, tutor: int) -> None:
    known_at = JOINED + 50 * DAY
    taught(connection, tutor, JOINED + 5 * DAY, outcome_known_at=known_at + TICK)
    add_event(connection, tutor, "resignation", event_time=JOINED + DAY, ingested_at=known_at + TICK)

    assert of(connection, tutor, known_at=known_at) == [(JOINED, JOINED + CLOCK)]
    assert of(connection, tutor, known_at=known_at + TICK) == [
        (JOINED, JOINED + DAY),
        (JOINED + 5 * DAY, JOINED + 5 * DAY + CLOCK),
    ]


def test_a_tutor_counts_only_from_when_on_it_was_known(connection: Connection) -> None:
    organization = add_organization(connection, synthetic=True)
    known_at = JOINED + 3 * DAY
    late = add_tutor(connection, organization=organization, joined_at=JOINED, ingested_at=known_at)
    unknown = add_tutor(connection, organization=organization, joined_at=JOINED, ingested_at=NOW + TICK)

    assert of(connection, late) == [(known_at, JOINED + CLOCK)]
    assert of(connection, unknown) == []


def test_populations_are_never_mixed(connection: Connection, tutor: int) -> None:
    customers = add_tutor(connection)

    found = spells(connection, Population.CUSTOMER, known_at=NOW, since=JOINED - 365 * DAY)

    assert customers in found.tutor_ids
    assert tutor not in found.tutor_ids


@pytest.mark.parametrize("since_day", [5, 21, 40, 41.5, 60])
def test_spells_since_an_instant_are_those_of_the_whole_history(
    connection: Connection, tutor: int, since_day: float
) -> None:
    for day in (3, 10, 22, 23, 40, 53, 55):
        taught(connection, tutor, JOINED + day * DAY)
    add_event(connection, tutor, "resignation", event_time=JOINED + 41 * DAY)
    since = JOINED + since_day * DAY

    whole = [(max(since, opened_at), churn_at) for opened_at, churn_at in of(connection, tutor) if churn_at > since]

    found = of(connection, tutor, since=since)
    assert [(max(since, opened_at), churn_at) for opened_at, churn_at in found] == whole


def test_an_empty_population_has_no_spells(connection: Connection) -> None:
    found = spells(connection, Population.CUSTOMER, known_at=NOW - 3650 * DAY, since=NOW - 3700 * DAY)

    assert isinstance(found, Spells)
    assert len(found) == 0


@pytest.mark.parametrize("days_ago", [0, 3, 14, 30, 61, 99])
def test_who_is_in_a_spell_is_who_is_active(marketplace: Marketplace, days_ago: int) -> None:
    at = NOW - days_ago * DAY
    connection = marketplace.connection
    with connection.begin_nested() as savepoint:
        for number, tutor in enumerate(marketplace.tutors[::3]):
            add_event(connection, tutor, "resignation", event_time=at - number * DAY, ingested_at=at - DAY)

        found = spells(connection, Population.SYNTHETIC, known_at=at, since=at)
        active = active_tutors(connection, at, tutor_ids=marketplace.tutors)
        savepoint.rollback()

    assert 0 < len(active) < len(marketplace.tutors)
    within = (found.opened_at <= microseconds(at)) & np.isin(found.tutor_ids, marketplace.tutors)
    assert found.tutor_ids[within].tolist() == active


def labels_at(churn_at: datetime, known_at: datetime = NOW, horizon_days: int = 7) -> int:
    as_of = np.array([microseconds(NOW - 20 * DAY)])
    (label,) = churn_labels(as_of, np.array([microseconds(churn_at)]), horizon_days=horizon_days, known_at=known_at)
    return int(label)


@pytest.mark.parametrize(
    ("churn_after", "label"),
    [
        (-TICK, 0),
        (timedelta(0), 0),
        (TICK, 1),
        (7 * DAY - TICK, 1),
        (7 * DAY, 1),
        (7 * DAY + TICK, 0),
    ],
)
def test_a_label_is_one_for_a_churn_after_as_of_and_within_the_horizon(churn_after: timedelta, label: int) -> None:
    assert labels_at(NOW - 20 * DAY + churn_after) == label


@pytest.mark.parametrize("churn_after", [DAY, 300 * DAY], ids=["has left", "has not left"])
@pytest.mark.parametrize(("early", "mature"), [(TICK, False), (timedelta(0), True)])
def test_a_label_is_final_two_days_after_the_horizon_whether_the_tutor_left_or_not(
    churn_after: timedelta, early: timedelta, mature: bool
) -> None:
    as_of = NOW - 20 * DAY

    label = labels_at(as_of + churn_after, known_at=as_of + 9 * DAY - early)

    assert (label != -1) == mature


def test_the_newest_mature_instant_lies_a_horizon_and_two_days_back() -> None:
    assert newest_mature(30, NOW) == microseconds(NOW - 32 * DAY)
