"""Scoring: features to four probabilities, a score, a level and reasons, kept in one statement a population."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import orjson
from sqlalchemy import Connection, select

from ml.explanation import Explanation, explain
from ml.features import build
from ml.features.build import FeatureMatrix, Spine
from ml.features.store import Purpose, store
from ml.model import Matrix
from ml.projection import HORIZONS, Probabilities, RiskLevel, churn_scores, project, repaired, risk_level
from ml.serving import RULE, Scorer, Shelf
from tutormax import db, metrics, queries
from tutormax.populations import Population
from tutormax.tables import organizations, tutors


@dataclass(frozen=True, slots=True)
class ScoringSummary:
    """What one scoring wrote: tutors in all, by level and by model, and rows whose horizons had to be made to agree."""

    tutors: int
    levels: Mapping[str, int]
    models: Mapping[str, int]
    repaired: int


@dataclass(frozen=True, slots=True)
class Scored:
    """Some tutors' predictions, in the order of their features."""

    probabilities: Probabilities
    scores: Sequence[int]
    levels: Sequence[RiskLevel]
    explanations: Sequence[Explanation]
    repaired: int


def score(
    connection: Connection,
    shelf: Shelf,
    tutor_ids: Sequence[int],
    as_of: datetime,
    *,
    trigger: str,
    threshold: float,
) -> ScoringSummary:
    """Score tutors as of one instant, each by its own population's model, or by the rule where there is none."""
    levels: Counter[str] = Counter()
    models: Counter[str] = Counter()
    changed = 0
    for population, members in _by_population(connection, tutor_ids).items():
        features = build.build(connection, Spine.at(members, as_of))
        scorer = shelf.scorer(connection, population)
        scored = score_features(connection, scorer, features, as_of, trigger=trigger, threshold=threshold)
        db.after_commit(connection, partial(_count, scorer, population, scored.levels))
        levels.update(scored.levels)
        models[scorer.model_id] += len(scored.levels)
        changed += scored.repaired
    return ScoringSummary(models.total(), dict(levels), dict(models), changed)


def score_features(
    connection: Connection,
    scorer: Scorer,
    features: FeatureMatrix,
    as_of: datetime,
    *,
    trigger: str,
    threshold: float,
) -> Scored:
    """Score tutors of one population by their features, and keep both."""
    scored = predicted(scorer, features.values)
    store(connection, features, Purpose.SERVING)
    _keep(connection, scorer, features, scored, as_of=as_of, trigger=trigger, threshold=threshold)
    return scored


def predicted(scorer: Scorer, values: Matrix) -> Scored:
    """Return what a model or the rule says of tutors, and why."""
    raw = scorer.model.raw_probabilities(values)
    probabilities = project(raw)
    scores = churn_scores(probabilities[:, HORIZONS.index(30)]).tolist()
    return Scored(
        probabilities=probabilities,
        scores=scores,
        levels=[risk_level(score) for score in scores],
        explanations=explain(values, scorer.model.contributions(values)),
        repaired=repaired(raw, probabilities),
    )


def _by_population(connection: Connection, tutor_ids: Sequence[int]) -> dict[Population, list[int]]:
    statement = (
        select(tutors.c.tutor_id, organizations.c.synthetic)
        .join(organizations, tutors.c.organization_id == organizations.c.organization_id)
        .where(tutors.c.tutor_id.in_(tutor_ids))
        .order_by(tutors.c.tutor_id)
    )
    members: dict[Population, list[int]] = {}
    for tutor_id, synthetic in connection.execute(statement):
        members.setdefault(Population.SYNTHETIC if synthetic else Population.CUSTOMER, []).append(tutor_id)
    return members


def _keep(
    connection: Connection,
    scorer: Scorer,
    features: FeatureMatrix,
    scored: Scored,
    *,
    as_of: datetime,
    trigger: str,
    threshold: float,
) -> None:
    connection.execute(
        queries.load("upsert_churn_predictions"),
        {
            "tutor_ids": features.spine.tutor_ids.tolist(),
            "as_of": as_of,
            "model_id": scorer.model_id,
            "trigger": trigger,
            "threshold": threshold,
            **{f"p{h}": scored.probabilities[:, i].tolist() for i, h in enumerate(HORIZONS)},
            "churn_scores": list(scored.scores),
            "risk_levels": list(scored.levels),
            # One a line: an array's quotes and escapes took longer than all else that is written.
            "reasons": b"\n".join(map(_reasons, scored.explanations)).decode(),
        },
    )


def _reasons(explanation: Explanation) -> bytes:
    """Return an explanation as JSON; `factors` are those that raise the score, then those that lower it."""
    content = {
        "bias": explanation.bias,
        "margin": explanation.margin,
        "groups": explanation.groups,
        "factors": [*explanation.raising, *explanation.lowering],
    }
    return orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)


def _count(scorer: Scorer, population: Population, levels: Sequence[RiskLevel]) -> None:
    # A label has few values: the population, not the model's name.
    model = RULE.model_id if scorer.model_id == RULE.model_id else population
    for level, number in Counter(levels).items():
        metrics.PREDICTIONS.labels(model, level).inc(number)
    if scorer.instead_of is not None:
        metrics.PREDICTIONS_SUBSTITUTED.labels(population).inc(len(levels))
