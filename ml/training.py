"""Training: four predictors learnt from what came before validation, and learnt again from everything to serve.

What is validated learns only from rows whose labels had matured before validation begins. What is served learns the
same number of trees from every mature row. Both are kept: tomorrow's challenger meets what was validated today, since
what is served has seen the very weeks on which the two are compared.

A horizon whose labels take so long to mature that nothing is left to learn from before validation is validated on
tutors whom it has not seen instead of weeks; the 30 days never are.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ml.boosting import Each, Examples, Plan, plan, unseen_tutors
from ml.calibration import Labels, sigmoid
from ml.device import Device
from ml.model import ChurnModel, Predictor
from ml.projection import ANCHOR, HORIZONS, Probabilities
from ml.validation import Mask

# Fewer than these teach and prove nothing. The horizons beside the 30 days may be thinner; one that is skipped
# follows its neighbour.
LEAST_OF_A_CLASS = 50
LEAST_VALIDATED = 30
LEAST_POSITIVES_BESIDE = 30

Progress = Callable[[int, int, str], None]


class Status(StrEnum):
    """What came of a training, or of one of its horizons."""

    TRAINED = "trained"
    SKIPPED_INSUFFICIENT_DATA = "skipped_insufficient_data"


@dataclass(frozen=True, slots=True)
class Lesson:
    """One horizon's mature rows: which are learnt from before validation, and which validate."""

    examples: Examples
    as_of: NDArray[np.datetime64]
    fit: Mask
    validation: Mask


@dataclass(frozen=True, slots=True)
class Learnt:
    """One horizon after training: what serves, and what was validated on weeks, or said of tutors, it had not seen."""

    plan: Plan
    served: Predictor
    validated: Predictor | None
    of_unseen_tutors: Probabilities | None

    @property
    def validated_on(self) -> str:
        """What it was validated on, in words."""
        return "unseen tutors" if self.validated is None else "unseen weeks"


@dataclass(frozen=True, slots=True)
class Training:
    """What was learnt, and why the other horizons were not."""

    status: Status
    learnt: Mapping[int, Learnt]
    skipped: Mapping[int, str]

    def served(self, names: Sequence[str]) -> ChurnModel:
        """Return the model that learnt from every mature row."""
        return ChurnModel(names, {horizon: learnt.served for horizon, learnt in self.learnt.items()})

    def validated(self, names: Sequence[str]) -> ChurnModel:
        """Return the model that has not seen the validation weeks."""
        unseen = {horizon: learnt.validated for horizon, learnt in self.learnt.items()}
        return ChurnModel(names, {horizon: predictor for horizon, predictor in unseen.items() if predictor is not None})


def train(
    lessons: Mapping[int, Lesson],
    *,
    least_rows: int,
    seed: int,
    threads: int,
    device: Device = Device.CPU,
    progress: Progress | None = None,
) -> Training:
    """Learn every horizon that has enough to teach, as many boosters at once as there are threads."""
    skipped = {h: why for h, lesson in lessons.items() if (why := shortage(lesson, h, least_rows))}
    if ANCHOR in skipped:
        return Training(Status.SKIPPED_INSUFFICIENT_DATA, {}, skipped)
    # The largest first, so that none is left to run alone at the end.
    wanted = sorted(lessons.keys() - skipped.keys(), key=lambda h: -len(lessons[h].examples.labels))
    learnt: dict[int, Learnt] = {}
    with (
        ThreadPoolExecutor(threads, thread_name_prefix="fit") as fits,
        ThreadPoolExecutor(len(wanted), thread_name_prefix="horizon") as horizons,
    ):
        learning = partial(learn, least_rows=least_rows, seed=seed, device=device, each=fits.map)
        running = {horizons.submit(learning, lessons[h], h): h for h in wanted}
        for done in as_completed(running):
            learnt[running[done]] = done.result()
            if progress is not None:
                progress(len(learnt), len(wanted), f"learnt the {running[done]}-day horizon")
    return Training(Status.TRAINED, {h: learnt[h] for h in HORIZONS if h in learnt}, skipped)


def learn(
    lesson: Lesson, horizon: int, least_rows: int, seed: int, *, device: Device = Device.CPU, each: Each = map
) -> Learnt:
    """Learn one horizon twice: for validation from some of the rows, to serve from all; `each` as in `plan`."""
    everything = lesson.examples
    fit = everything.where(lesson.fit)
    if _lacking(fit.labels, horizon, least_rows):
        planned = plan(everything, seed, device=device, each=each)
        probabilities = sigmoid(unseen_tutors(everything, planned, each))
        (served,) = each(planned.learn, [everything])
        return Learnt(planned, served, None, probabilities)
    planned = plan(fit, seed, device=device, each=each)
    served, validated = each(planned.learn, [everything, fit])
    return Learnt(planned, served, validated, None)


def shortage(lesson: Lesson, horizon: int, least_rows: int) -> str | None:
    """Return what a horizon lacks to be learnt, or None."""
    if horizon != ANCHOR:
        return _lacking(lesson.examples.labels, horizon, least_rows)
    validated = int((lesson.examples.labels[lesson.validation] == 1).sum())
    lacking = _lacking(lesson.examples.labels[lesson.fit], horizon, least_rows)
    unproven = f"{validated} churners to validate on, {LEAST_VALIDATED} are needed"
    return lacking or (unproven if validated < LEAST_VALIDATED else None)


def _lacking(labels: Labels, horizon: int, least_rows: int) -> str | None:
    counts = (
        (len(labels), least_rows, "labelled snapshots"),
        (int((labels == 1).sum()), LEAST_OF_A_CLASS if horizon == ANCHOR else LEAST_POSITIVES_BESIDE, "churners"),
        (int((labels == 0).sum()), LEAST_OF_A_CLASS, "stayers"),
    )
    lacking = [f"{found} {what} to learn from, {least} are needed" for found, least, what in counts if found < least]
    return "; ".join(lacking) or None
