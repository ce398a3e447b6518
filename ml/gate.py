"""The promotion gate: a table of checks, and what a challenger's evidence makes of it.

A bound on a number that was estimated from few tutors counts as missed when the whole of its 95 % interval lies
beyond it: chance alone must neither refuse a model nor excuse one. Comparisons with the champion are paired, on rows
that neither had seen; the first model of a population has floors to pass and nobody to beat.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tutormax.populations import Population


class Decision(StrEnum):
    """What becomes of a challenger."""

    PROMOTE = "promote"
    KEEP = "keep"
    REFUSE = "refuse"


class Verdict(StrEnum):
    """What one check found."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True, slots=True)
class Measured:
    """A number, and the interval that holds it 19 times in 20 where that was estimated."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table: what the number must lie between, and what failing costs."""

    name: str
    low: float = float("-inf")
    high: float = float("inf")
    on_failure: Decision = Decision.REFUSE
    population: Population | None = None
    why: str = ""

    @property
    def bound(self) -> str:
        """The bound in words."""
        if self.low == float("-inf"):
            return f"at most {self.high:g}"
        return f"at least {self.low:g}" if self.high == float("inf") else f"from {self.low:g} to {self.high:g}"

    def holds(self, measured: Measured) -> bool:
        """Whether the number, or any of its interval, lies within the bound."""
        low = measured.value if measured.low is None else measured.low
        high = measured.value if measured.high is None else measured.high
        return high >= self.low and low <= self.high


@dataclass(frozen=True, slots=True)
class Check:
    """A rule applied to one challenger."""

    name: str
    bound: str
    value: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    on_failure: Decision


@dataclass(frozen=True, slots=True)
class Judgement:
    """The decision, its reason in a sentence, and every check behind it."""

    decision: Decision
    reason: str
    checks: Sequence[Check] = field(default_factory=tuple)


KEEP = Decision.KEEP
MOST_CALIBRATION_ERROR = 0.03
SYNTHETIC = Population.SYNTHETIC

RULES: tuple[Rule, ...] = (
    Rule("base rate over that of the rows learnt from", low=0.5, high=2, why="labels or their definition changed"),
    Rule("rows whose windows contradict each other", high=0, why="7 days hold no more than 14, 30 and 90"),
    Rule("most of a feature newly missing", high=0.10, why="a source has stopped"),
    Rule("age of the newest raw row over what is allowed", high=1, on_failure=KEEP, why="facts have stopped coming in"),
    Rule("30-day AUC", low=0.80, why="too poor to act on"),
    Rule("30-day AUC, synthetic", low=0.86, population=SYNTHETIC, why="its marketplace is known to allow more"),
    Rule("30-day AUC, ceiling", high=0.95, why="better than behaviour allows: something leaks"),
    Rule(
        "30-day AUC, fraction of the oracle's",
        high=1.0,
        population=SYNTHETIC,
        why="better than all that can be seen allows: something leaks",
    ),
    Rule("30-day skill", low=0.25, why="hardly better than the base rate"),
    Rule("30-day AUC over logistic regression", low=-0.005, why="a simpler model ranks better"),
    Rule("30-day log-loss over logistic regression", high=0.003, why="a simpler model is righter"),
    Rule("30-day calibration error", high=MOST_CALIBRATION_ERROR, why="its probabilities are not to be believed"),
    Rule("30-day calibration slope", low=0.8, high=1.25, why="too timid or too bold"),
    Rule("30-day mean over base rate", low=0.85, high=1.15, why="too gloomy or too hopeful"),
    Rule("largest additivity error", high=1e-4, why="its reasons would not sum to its score"),
    Rule("largest share of one feature", high=0.60, why="one feature gives the answer away"),
    Rule("of 20 declining tutors, those scored higher", low=18, why="it does not see decline"),
    # Honest ones of 75 to 1,500 tutors were seen from 0.86 to 0.98, and their means from 0.92 to 1.29.
    Rule("rank correlation with its refit", low=0.8, why="more rows made another model of it"),
    Rule("mean of its refit over its own", low=0.7, high=1.4, why="more rows moved its probabilities"),
    Rule("days newer than the champion", low=0, on_failure=KEEP, why="the champion has learnt from newer weeks"),
    Rule("30-day log-loss over the champion", high=0.002, on_failure=KEEP, why="the champion is righter"),
    Rule("chance that it is worse by 0.002", high=0.05, on_failure=KEEP, why="it may well be worse"),
    Rule("30-day AUC over the champion", low=-0.003, on_failure=KEEP, why="the champion ranks better"),
    *(
        Rule(f"{days}-day log-loss over the champion", high=0.004, on_failure=KEEP, why="the champion is righter")
        for days in (1, 7, 90)
    ),
    *(
        Rule(f"{days}-day AUC over the champion", low=-0.006, on_failure=KEEP, why="the champion ranks better")
        for days in (1, 7, 90)
    ),
)


def judge(evidence: Mapping[str, Measured], population: Population) -> Judgement:
    """Decide on a challenger; a rule on which there is no evidence is not judged."""
    if unknown := evidence.keys() - {rule.name for rule in RULES}:
        raise KeyError(f"no rule asks for {sorted(unknown)}")
    asked = [rule for rule in RULES if rule.population in {None, population}]
    checks = tuple(_check(rule, evidence.get(rule.name)) for rule in asked)
    failed = [(rule, check) for rule, check in zip(asked, checks, strict=True) if check.verdict is Verdict.FAILED]
    refusing = [pair for pair in failed if pair[1].on_failure is Decision.REFUSE]
    if refusing or failed:
        decisive = refusing or failed
        return Judgement(decisive[0][1].on_failure, "; ".join(_sentence(*pair) for pair in decisive), checks)
    return Judgement(Decision.PROMOTE, "every check passed", checks)


def _check(rule: Rule, measured: Measured | None) -> Check:
    if measured is None:
        return Check(rule.name, rule.bound, None, None, None, Verdict.NOT_JUDGED, rule.on_failure)
    verdict = Verdict.PASSED if rule.holds(measured) else Verdict.FAILED
    return Check(rule.name, rule.bound, measured.value, measured.low, measured.high, verdict, rule.on_failure)


def _sentence(rule: Rule, check: Check) -> str:
    return f"{rule.why}: {rule.name} is {check.value:.4g}, must be {rule.bound}"
