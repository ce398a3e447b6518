"""What became of predictions: nothing before it is certain, and then what the labels say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, insert, select

from ml.outcomes import Cohort, alarming, keep_cohorts, realise
from tests.factories import NOW, add_event, add_organization, add_session, add_tutor
from tutormax.tables import churn_predictions, prediction_cohorts

DAY = timedelta(days=1)
WEEK = 7 * DAY
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def predict(connection: Connection, tutor: int, as_of: datetime, *, p30: float = 0.3, model_id: str = "rule") -> None:
    values = {
        "tutor_id": tutor,
        "as_of": as_of,
        "model_id": model_id,
        "p1": p30 / 10,
        "p7": p30 / 4,
        "p30": p30,
        "p90": p30,
        "churn_score": round(100 * p30),
        "risk_level": "medium",
        "churn_predicted": False,
        "reasons": {},
        "trigger": "batch",
    }
    connection.execute(insert(churn_predictions).values(values))


def outcomes(connection: Connection, tutor: int) -> tuple[bool | None, ...]:
    table = churn_predictions
    columns = [table.c[f"outcome_{horizon}"] for horizon in (1, 7, 30, 90)]
    return tuple(connection.execute(select(*columns).where(table.c.tutor_id == tutor)).one())


def teaching_tutor(connection: Connection, until: datetime, organization: int | None = None) -> int:
    """Add a tutor who taught every five days, the last time at an instant."""
    tutor = add_tutor(connection, organization=organization)
    for days in range(0, 60, 5):
        add_session(connection, tutor, scheduled_start=until - days * DAY)
    return tutor


def test_outcomes_are_what_happened_on_each_horizon_once_that_is_certain(connection: Connection) -> None:
    asked = NOW - 40 * DAY
    tutor = teaching_tutor(connection, asked + 2 * DAY)
    predict(connection, tutor, asked)

    changed = realise(connection, NOW)

    # The last session ended 2 days after the prediction: gone after 16, and 90 days have not passed.
    assert changed == 1
    assert outcomes(connection, tutor) == (False, False, True, None)


def test_an_outcome_waits_for_late_reports(connection: Connection) -> None:
    tutor = teaching_tutor(connection, NOW - 20 * DAY)
    predict(connection, tutor, NOW - 20 * DAY)

    realise(connection, NOW - 20 * DAY + 32 * DAY - timedelta(seconds=1))
    before = outcomes(connection, tutor)
    realise(connection, NOW - 20 * DAY + 32 * DAY)

    assert before == (False, False, None, None)
    assert outcomes(connection, tutor) == (False, False, True, None)


def test_a_resignation_ends_at_once(connection: Connection) -> None:
    tutor = teaching_tutor(connection, NOW - 10 * DAY)
    predict(connection, tutor, NOW - 9 * DAY)
    add_event(connection, tutor, "resignation", event_time=NOW - 8.5 * DAY)

    realise(connection, NOW)

    assert outcomes(connection, tutor) == (True, True, None, None)


def test_who_had_left_already_has_no_outcome(connection: Connection) -> None:
    tutor = teaching_tutor(connection, NOW - 80 * DAY)
    predict(connection, tutor, NOW - 50 * DAY)

    assert realise(connection, NOW) == 0
    assert outcomes(connection, tutor) == (None, None, None, None)


def test_doing_it_again_changes_nothing_and_a_correction_is_followed(connection: Connection) -> None:
    asked = NOW - 40 * DAY
    tutor = teaching_tutor(connection, asked)
    predict(connection, tutor, asked)
    realise(connection, NOW)

    again = realise(connection, NOW)
    add_session(connection, tutor, scheduled_start=asked + 10 * DAY)
    add_session(connection, tutor, scheduled_start=asked + 20 * DAY)
    corrected = realise(connection, NOW)

    assert (again, corrected) == (0, 1)
    assert outcomes(connection, tutor)[2] is False


def test_a_week_counts_the_first_prediction_of_each_tutor(connection: Connection) -> None:
    organization = add_organization(connection, synthetic=True)
    stayed = teaching_tutor(connection, MONDAY + 40 * DAY, organization)
    left = teaching_tutor(connection, MONDAY + DAY, organization)
    for tutor, p30 in ((stayed, 0.2), (left, 0.6)):
        predict(connection, tutor, MONDAY, p30=p30)
        predict(connection, tutor, MONDAY + DAY, p30=0.99)
    at = MONDAY + WEEK + 32 * DAY
    realise(connection, at)

    keep_cohorts(connection, at)
    keep_cohorts(connection, at)

    table = prediction_cohorts
    rows = connection.execute(select(table).where(table.c.week == MONDAY, table.c.horizon_days == 30)).all()
    [row] = rows
    assert (row.population, row.scorer, row.tutors, row.actual) == ("synthetic", "rule", 2, 0.5)
    assert row.expected == pytest.approx(0.4)
    assert (row.auc, row.complete) == (1, True)


def test_the_rule_all_models_and_each_of_them_are_measured_apart(connection: Connection) -> None:
    tutor = teaching_tutor(connection, MONDAY + 40 * DAY)
    first, second = "customer/20260301_020000", "customer/20260302_020000"
    predict(connection, tutor, MONDAY, model_id="rule", p30=0.5)
    predict(connection, tutor, MONDAY, model_id=first, p30=0.2)
    predict(connection, tutor, MONDAY + DAY, model_id=second, p30=0.4)
    realise(connection, MONDAY + 50 * DAY)

    found = keep_cohorts(connection, MONDAY + 50 * DAY)

    expected = {cohort.scorer: cohort.expected for cohort in found if cohort.horizon_days == 30}
    assert expected == pytest.approx({"rule": 0.5, "model": 0.2, first: 0.2, second: 0.4})


RIGHT = Cohort("synthetic", "model", MONDAY, 30, 1500, 0.12, 0.12, 0.88, 0.24, 0.01, complete=True)
OFF = replace(RIGHT, actual=0.16)


@pytest.mark.parametrize(
    ("weeks", "alarms"),
    [
        ((RIGHT, OFF, OFF), 1),
        ((OFF, OFF, RIGHT), 0),
        ((RIGHT, RIGHT, OFF), 0),
        ((replace(OFF, scorer="synthetic/20260301_020000"),) * 2, 0),
        ((OFF, replace(OFF, complete=False)), 0),
        ((replace(OFF, tutors=100), replace(OFF, tutors=100)), 0),
        ((replace(OFF, actual=0.09), replace(OFF, actual=0.09)), 1),
        ((replace(OFF, horizon_days=7), replace(OFF, horizon_days=7)), 0),
    ],
)
def test_two_weeks_running_off_the_band_alarm(weeks: tuple[Cohort, ...], alarms: int) -> None:
    placed = [replace(cohort, week=MONDAY + number * WEEK) for number, cohort in enumerate(weeks)]

    assert len(alarming(placed)) == alarms


def test_two_weeks_with_a_gap_between_do_not_alarm() -> None:
    assert alarming([OFF, replace(OFF, week=MONDAY + 2 * WEEK)]) == []
