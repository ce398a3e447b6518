"""Reasons add up to the score, rank groups before features, and never present a missing value as a number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.calibration import log_odds
from ml.explanation import LOWERING, RAISING, Explanation, explain
from ml.features.catalogue import FEATURES, NAMES, NEVER, Feature, Group
from ml.model import Matrix
from ml.projection import ANCHOR, HORIZONS
from ml.rule import Rule
from ml.sentences import SENTENCES, sentence
from tests.ml.invented import invent
from tests.ml.trained import small_model

NAN = float("nan")
# Numbers that a feature can have, and some that none should.
VALUE = st.one_of(st.floats(0, 200, width=32), st.floats(width=32))


@pytest.fixture(scope="module")
def values() -> Matrix:
    known = invent(tutors=100, weeks=10, seed=5).values
    return np.vstack([known, np.full((1, len(NAMES)), np.nan, dtype=np.float32)])


@pytest.fixture(scope="module")
def explanations(values: Matrix) -> list[Explanation]:
    return explain(values, small_model().contributions(values))


def test_bias_and_groups_sum_to_the_calibrated_log_odds(values: Matrix, explanations: list[Explanation]) -> None:
    margins = log_odds(small_model().raw_probabilities(values)[:, HORIZONS.index(ANCHOR)])

    sums = np.array([each.bias + sum(each.groups.values()) for each in explanations])
    error = np.abs(sums - margins)

    assert error.max() <= 1e-4
    assert error.mean() <= 1e-5
    assert np.array([each.margin for each in explanations]) == pytest.approx(sums)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # shap's colours, drawn on import
def test_contributions_are_those_of_the_shap_package(values: Matrix) -> None:
    import shap  # noqa: PLC0415 - under the mark above

    model, some = small_model(), values[-200:]
    predictor = model.predictors[ANCHOR]

    explainer = shap.TreeExplainer(predictor.booster)

    expected = explainer.shap_values(some) * predictor.calibration.slope
    assert np.abs(model.contributions(some)[:, :-1] - expected).max() <= 1e-5


def test_the_strongest_features_are_named_those_of_the_strongest_group_first(explanations: list[Explanation]) -> None:
    for each in explanations:
        assert len(each.raising) <= RAISING
        assert len(each.lowering) <= LOWERING
        assert all(factor.phi > 0 for factor in each.raising)
        assert all(factor.phi < 0 for factor in each.lowering)
        ranks = list(each.groups)
        order = [(ranks.index(factor.group), -factor.phi) for factor in each.raising]
        assert order == sorted(order)
        lowered = [(each.groups[factor.group], factor.phi) for factor in each.lowering]
        assert lowered == sorted(lowered)
        assert list(each.groups.values()) == sorted(each.groups.values(), reverse=True)
        assert each.groups.keys() == set(Group)


def test_no_feature_that_adds_or_takes_away_more_is_left_out(values: Matrix, explanations: list[Explanation]) -> None:
    for phi, each in zip(small_model().contributions(values)[:, :-1], explanations, strict=True):
        assert sorted(factor.phi for factor in each.raising) == sorted(phi[phi > 0])[-RAISING:]
        assert sorted(factor.phi for factor in each.lowering) == sorted(phi[phi < 0])[:LOWERING]


def test_an_odds_factor_is_what_the_feature_multiplies_the_odds_by(explanations: list[Explanation]) -> None:
    [first, *_] = explanations[0].raising

    assert first.odds_factor == pytest.approx(np.exp(first.phi))


def test_every_feature_has_its_sentences() -> None:
    assert tuple(SENTENCES) == NAMES


def test_a_missing_value_is_put_in_words_and_not_given_as_a_number(explanations: list[Explanation]) -> None:
    nothing_known = explanations[-1]

    for factor in [*nothing_known.raising, *nothing_known.lowering]:
        assert factor.value is None
        assert factor.text == SENTENCES[factor.feature][1]


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_no_missing_value_is_said_to_be_a_number(feature: Feature) -> None:
    name = feature.name

    said = sentence(name, dict.fromkeys(NAMES, NAN))

    assert "{" not in said
    assert "nan" not in said.lower().split()
    assert SENTENCES[name][0].format(value=Spy()) != said


class Spy:
    def __format__(self, form: str) -> str:
        return f"<{form}>"


@given(st.sampled_from(NAMES), st.lists(VALUE, min_size=len(NAMES), max_size=len(NAMES)))
def test_any_value_at_all_gives_a_sentence(name: str, row: list[float]) -> None:
    said = sentence(name, dict(zip(NAMES, row, strict=True)))

    assert said[0].isupper() or not said[0].isalpha()
    assert not {"nan", "inf"} & set(said.lower().replace(",", "").split())


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("sessions_14d", 2, "Taught 2 sessions in the last 14 days, usually 8"),
        ("sessions_14d", 1, "Taught 1 session in the last 14 days, usually 8"),
        ("sessions_30d", 0, "Taught no sessions in the last 30 days"),
        ("days_since_last_session", 0.4, "Last taught today"),
        ("days_since_last_session", 12.9, "Last taught 12 days ago"),
        ("rating_avg_30d", NAN, "No feedback in the last 30 days"),
        ("rating_avg_30d", 4.25, "Rated 4.2 of 5 in the last 30 days"),
        ("rating_trend_30_90", -0.42, "Rated 0.4 stars lower over the last 30 days than over the two months before"),
        ("resched_rate_14d", 0.25, "Rescheduled 25 % of what was scheduled in the last 14 days"),
        ("availability_change_pct_4w", -0.5, "Last offered 50 % fewer hours than in the four weeks before"),
        ("upcoming_sessions_7d", 0, "Has no sessions booked for the next 7 days, usually 4"),
        ("is_new_tutor", 1, "Joined less than 30 days ago"),
        ("is_new_tutor", 0, "Joined more than 30 days ago"),
        ("teaches_stem", NAN, "Is not known to teach mathematics or a science"),
    ],
)
def test_sentences_read_plainly(name: str, value: float, expected: str) -> None:
    row = dict.fromkeys(NAMES, NAN) | {"tenure_days": 300.0, "sessions_90d": 8 / 14 * 90} | {name: float(value)}

    assert sentence(name, row) == expected


def test_what_is_usual_is_not_said_of_a_new_tutor() -> None:
    row = dict.fromkeys(NAMES, NAN) | {"tenure_days": 3.0, "sessions_90d": 2.0, "sessions_7d": 2.0}

    assert sentence("sessions_7d", row) == "Taught 2 sessions in the last 7 days"


def test_a_tutor_who_joined_a_minute_ago_is_explained_as_new() -> None:
    row = dict.fromkeys(NAMES, NAN) | {"tenure_days": 0.0007, "is_new_tutor": 1.0}

    assert sentence("tenure_days", row) == "Joined today"
    assert sentence("is_new_tutor", row) == "Joined less than 30 days ago"


def test_features_that_always_have_a_value_say_that_nothing_is_known_without_one() -> None:
    for feature in FEATURES:
        if feature.null_means == NEVER and feature.name != "is_new_tutor":
            assert SENTENCES[feature.name][1].startswith("Nothing is known"), feature.name


def test_the_reasons_of_the_rule_add_up_too(values: Matrix) -> None:
    parts = Rule().contributions(values)

    margins = log_odds(Rule().raw_probabilities(values)[:, HORIZONS.index(ANCHOR)])

    assert parts.sum(axis=1) == pytest.approx(margins, abs=1e-6)
