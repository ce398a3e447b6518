"""A challenger from data to files: learnt, held against champion, rule and logistic regression, and judged."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import orjson

from ml import contests, drift, evidence, findings, packing
from ml.boosting import FOLDS, MOST_TREES, PARAMETERS, PATIENCE, Examples
from ml.contests import CHALLENGER, Champion, Contest
from ml.dataset import Dataset
from ml.device import Device
from ml.features.build import feature_version, sql_sha256
from ml.features.catalogue import NAMES
from ml.findings import Explained, Findings
from ml.gate import Judgement, Measured, judge
from ml.labels import NOT_MATURE
from ml.model import ChurnModel, Matrix
from ml.projection import ANCHOR, HORIZONS
from ml.split import split
from ml.training import Learnt, Lesson, Progress, Status, Training, train
from tutormax.populations import Population

# The newest snapshot of everybody lies within this time.
CURRENT = np.timedelta64(7, "D")
LIBRARIES = ("xgboost", "numpy", "scikit-learn")

Further = Callable[[ChurnModel, Lesson], Mapping[str, Measured]]


def nothing(_model: ChurnModel, _lesson: Lesson) -> dict[str, Measured]:
    """Bring no further evidence."""
    return {}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a training is told besides its data."""

    population: Population
    as_of: np.datetime64
    seed: int
    threads: int
    least_rows: int
    test_share: float
    device: Device = Device.CPU


@dataclass(frozen=True, slots=True)
class Candidate:
    """A judged challenger, ready to be published."""

    judgement: Judgement
    metrics: Mapping[str, object]
    files: Mapping[str, bytes]
    facts: Mapping[str, object]
    findings: Findings


def make(
    dataset: Dataset, champion: Champion | None, terms: Terms, progress: Progress, further: Further = nothing
) -> Candidate | Training:
    """Return a judged challenger, or the training that found too little to learn from.

    `further` brings evidence that the data set does not hold, on the model that has not seen the validation weeks.
    """
    taught = lessons(dataset, terms.test_share)
    training = train(
        taught,
        least_rows=terms.least_rows,
        seed=terms.seed,
        threads=terms.threads,
        device=terms.device,
        progress=progress,
    )
    if training.status is not Status.TRAINED:
        return training
    served, validated = training.served(NAMES), training.validated(NAMES)
    newest = current(dataset)
    with ThreadPoolExecutor(terms.threads, thread_name_prefix="contest") as pool:
        explaining = pool.submit(findings.explained, newest, served, terms.seed)
        met = pool.map(lambda h: _held(taught[h], h, training, champion, terms.seed), training.learnt)
        held = dict(zip(training.learnt, met, strict=True))
        explained = explaining.result()
    shown = (
        evidence.of_data(dataset.features.values, newest, taught[ANCHOR], champion)
        | evidence.of_validation(held[ANCHOR], terms.seed)
        | evidence.of_comparison(held, terms.seed)
        | evidence.of_model(validated, served, newest, taught[ANCHOR], explained.contributions)
        | evidence.of_age(terms.as_of, champion)
        | dict(further(validated, taught[ANCHOR]))
    )
    judgement = judge(shown, terms.population)
    metrics = {
        "gate": asdict(judgement),
        "horizons": {str(h): _record(taught[h], training.learnt.get(h), held.get(h)) for h in HORIZONS}
        | {str(h): {"status": Status.SKIPPED_INSUFFICIENT_DATA, "reason": why} for h, why in training.skipped.items()},
        "champion": None if champion is None else champion.model_id,
    }
    facts = _facts(dataset, taught, training, champion, terms)
    files = packing.pack(served, validated, newest, metrics) | _drift_reference(held[ANCHOR])
    return Candidate(
        judgement,
        metrics,
        files,
        facts,
        _findings(dataset, training, held, champion, explained, judgement=judgement, facts=facts, terms=terms),
    )


def _drift_reference(contest: Contest) -> dict[str, bytes]:
    bins = drift.reference(contest.examples.values, contest.predictions[CHALLENGER])
    return {drift.FILE: orjson.dumps({name: asdict(each) for name, each in bins.items()})}


def _findings(
    dataset: Dataset,
    training: Training,
    held: Mapping[int, Contest],
    champion: Champion | None,
    explained: Explained,
    *,
    judgement: Judgement,
    facts: Mapping[str, object],
    terms: Terms,
) -> Findings:
    as_of = dataset.features.spine.as_of
    return Findings(
        population=terms.population,
        as_of=terms.as_of,
        period=(as_of.min(), as_of.max()),
        rows=len(dataset),
        tutors=len(np.unique(dataset.groups)),
        judgement=judgement,
        contests=held,
        records={h: contest.quality(CHALLENGER, contest.every) for h, contest in held.items()},
        ranges={h: findings.ranges(contest, terms.seed) for h, contest in held.items()},
        validated_on={h: learnt.validated_on for h, learnt in training.learnt.items()},
        skipped=training.skipped,
        slices=findings.of_slices(held[ANCHOR]),
        newest=explained.rows,
        contributions=explained.contributions,
        champion=None if champion is None else champion.model_id,
        moved=findings.moved(held, champion),
        facts=facts,
    )


def lessons(dataset: Dataset, test_share: float) -> dict[int, Lesson]:
    """Return each horizon's mature rows, split in time."""
    taught = {}
    as_of = dataset.features.spine.as_of
    values = finite(dataset.features.values)
    for horizon, labels in dataset.labels.items():
        parts = split(as_of, labels, horizon_days=horizon, test_share=test_share)
        mature = labels != NOT_MATURE
        examples = Examples(NAMES, values, labels, dataset.groups).where(mature)
        taught[horizon] = Lesson(examples, as_of[mature], parts.fit[mature], parts.validation[mature])
    return taught


def _held(lesson: Lesson, horizon: int, training: Training, champion: Champion | None, seed: int) -> Contest:
    """Return one horizon's contest, with the rounds drawn that gate and card will ask for."""
    held = contest(lesson, horizon, training, champion)
    held.resampled(CHALLENGER, held.every, seed)
    return held


def contest(lesson: Lesson, horizon: int, training: Training, champion: Champion | None) -> Contest:
    """Return one horizon's contest, on unseen weeks or else on unseen tutors."""
    of_unseen_tutors = training.learnt[horizon].of_unseen_tutors
    if of_unseen_tutors is not None:
        return contests.on_tutors(lesson.examples, horizon, of_unseen_tutors)
    return contests.on_weeks(lesson, horizon, training.validated(NAMES), champion)


def finite(values: Matrix) -> Matrix:
    """Return features with what is infinite as unknown, as it is when scored."""
    return np.where(np.isfinite(values), values, np.float32(np.nan))


def current(dataset: Dataset) -> Matrix:
    """Return the newest features of everybody."""
    as_of = dataset.features.spine.as_of
    return finite(dataset.features.values[as_of > as_of.max() - CURRENT])


def _record(lesson: Lesson, learnt: Learnt | None, held: Contest | None) -> dict[str, object]:
    if learnt is None or held is None:
        return {}
    return {
        "status": Status.TRAINED,
        "validated_on": learnt.validated_on,
        "trees": learnt.plan.trees,
        "provisional": learnt.plan.provisional,
        "calibration": asdict(learnt.plan.calibration),
        "rows": len(lesson.examples.labels),
        "rows_fit": int(lesson.fit.sum()),
        "quality": {who: asdict(quality) for who, quality in held.qualities().items()},
    }


def _facts(
    dataset: Dataset, taught: Mapping[int, Lesson], training: Training, champion: Champion | None, terms: Terms
) -> dict[str, object]:
    return {
        "population": terms.population,
        "as_of": str(terms.as_of),
        "feature_version": feature_version(),
        "sql_sha256": sql_sha256(),
        "data_sha256": dataset.sha256(),
        "rows": len(dataset),
        "seed": terms.seed,
        "device": terms.device,
        "parameters": {**PARAMETERS, "most_trees": MOST_TREES, "patience": PATIENCE, "folds": FOLDS},
        "versions": {library: _version(library) for library in LIBRARIES},
        "champion": None if champion is None else champion.model_id,
        # Tomorrow's challenger meets this model on rows from here on.
        "unseen_from": {
            str(h): str(taught[h].as_of[taught[h].validation].min()) for h in training.validated(NAMES).predictors
        },
    }


def _version(library: str) -> str:
    """Return the version of a library; that of XGBoost without CUDA, as containers have it, goes by another name."""
    try:
        return version(library)
    except PackageNotFoundError:
        return version(f"{library}-cpu")
