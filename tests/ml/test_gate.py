"""The gate's decisions for fabricated challengers."""

import pytest

from ml.gate import RULES, Decision, Measured, Verdict, judge
from tutormax.populations import Population

GOOD = {
    "base rate over that of the rows learnt from": 1.0,
    "rows whose windows contradict each other": 0,
    "most of a feature newly missing": 0.0,
    "age of the newest raw row over what is allowed": 0.1,
    "30-day AUC": 0.88,
    "30-day AUC, synthetic": 0.88,
    "30-day AUC, ceiling": 0.88,
    "30-day AUC, fraction of the oracle's": 0.97,
    "30-day skill": 0.37,
    "30-day AUC over logistic regression": 0.001,
    "30-day log-loss over logistic regression": -0.001,
    "30-day calibration error": 0.009,
    "30-day calibration slope": 1.0,
    "30-day mean over base rate": 1.0,
    "largest additivity error": 5e-6,
    "largest share of one feature": 0.14,
    "of 20 declining tutors, those scored higher": 20,
    "rank correlation with its refit": 0.99,
    "mean of its refit over its own": 1.0,
    "days newer than the champion": 1.0,
    "30-day log-loss over the champion": 0.0,
    "chance that it is worse by 0.002": 0.0,
    "30-day AUC over the champion": 0.0,
    **{f"{days}-day log-loss over the champion": 0.0 for days in (1, 7, 90)},
    **{f"{days}-day AUC over the champion": 0.0 for days in (1, 7, 90)},
}
COMPARISONS = {name for name in GOOD if "champion" in name or "worse by" in name or "newly missing" in name}


def decision(changed: dict[str, float], population: Population = Population.SYNTHETIC) -> Decision:
    return judge({name: Measured(value) for name, value in (GOOD | changed).items()}, population).decision


def test_every_rule_has_a_number_here() -> None:
    assert {rule.name for rule in RULES} == GOOD.keys()


def test_a_challenger_as_good_as_the_champion_is_promoted_for_its_freshness() -> None:
    assert decision({}) is Decision.PROMOTE


def test_the_first_model_has_floors_to_pass_and_nobody_to_beat() -> None:
    evidence = {name: Measured(value) for name, value in GOOD.items() if name not in COMPARISONS}

    judgement = judge(evidence, Population.CUSTOMER)

    assert judgement.decision is Decision.PROMOTE
    unjudged = {check.name for check in judgement.checks if check.verdict is Verdict.NOT_JUDGED}
    assert unjudged == COMPARISONS


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("base rate over that of the rows learnt from", 2.4, Decision.REFUSE),
        ("rows whose windows contradict each other", 1, Decision.REFUSE),
        ("most of a feature newly missing", 0.3, Decision.REFUSE),
        ("age of the newest raw row over what is allowed", 1.1, Decision.KEEP),
        ("30-day AUC", 0.79, Decision.REFUSE),
        ("30-day AUC", float("nan"), Decision.REFUSE),
        ("30-day AUC, synthetic", 0.85, Decision.REFUSE),
        ("30-day AUC, ceiling", 0.97, Decision.REFUSE),
        ("30-day AUC, fraction of the oracle's", 1.012, Decision.REFUSE),
        ("30-day skill", 0.2, Decision.REFUSE),
        ("30-day AUC over logistic regression", -0.02, Decision.REFUSE),
        ("30-day log-loss over logistic regression", 0.02, Decision.REFUSE),
        ("30-day calibration error", 0.186, Decision.REFUSE),
        ("30-day calibration slope", 0.6, Decision.REFUSE),
        ("30-day mean over base rate", 2.6, Decision.REFUSE),
        ("largest additivity error", 1e-3, Decision.REFUSE),
        ("largest share of one feature", 0.8, Decision.REFUSE),
        ("of 20 declining tutors, those scored higher", 11, Decision.REFUSE),
        ("rank correlation with its refit", 0.7, Decision.REFUSE),
        ("mean of its refit over its own", 1.5, Decision.REFUSE),
        ("days newer than the champion", -3, Decision.KEEP),
        ("30-day log-loss over the champion", 0.004, Decision.KEEP),
        ("chance that it is worse by 0.002", 0.2, Decision.KEEP),
        ("30-day AUC over the champion", -0.01, Decision.KEEP),
        ("90-day log-loss over the champion", 0.01, Decision.KEEP),
        ("7-day AUC over the champion", -0.01, Decision.KEEP),
    ],
)
def test_each_bound_that_is_missed_decides(name: str, value: float, expected: Decision) -> None:
    assert decision({name: value}) is expected


def test_what_refuses_outweighs_what_keeps_and_the_reason_says_it() -> None:
    evidence = {name: Measured(value) for name, value in GOOD.items()}
    evidence |= {"30-day AUC over the champion": Measured(-0.2), "30-day AUC": Measured(0.6)}

    judgement = judge(evidence, Population.CUSTOMER)

    assert judgement.decision is Decision.REFUSE
    assert judgement.reason == "too poor to act on: 30-day AUC is 0.6, must be at least 0.8"


def test_a_better_challenger_is_promoted() -> None:
    changed = {"30-day log-loss over the champion": -0.01, "30-day AUC over the champion": 0.02}

    assert decision(changed) is Decision.PROMOTE


def test_a_bound_is_missed_only_when_the_whole_interval_lies_beyond_it() -> None:
    unsure = {name: Measured(value) for name, value in GOOD.items()} | {"30-day skill": Measured(0.2, 0.1, 0.3)}
    sure = unsure | {"30-day skill": Measured(0.2, 0.16, 0.24)}

    assert judge(unsure, Population.SYNTHETIC).decision is Decision.PROMOTE
    assert judge(sure, Population.SYNTHETIC).decision is Decision.REFUSE


def test_what_synthetic_tutors_must_reach_is_not_asked_of_real_ones() -> None:
    assert decision({"30-day AUC, synthetic": 0.5}, Population.CUSTOMER) is Decision.PROMOTE


def test_evidence_for_no_rule_is_a_mistake() -> None:
    with pytest.raises(KeyError, match="30 day AUC"):
        judge({"30 day AUC": Measured(0.9)}, Population.SYNTHETIC)
