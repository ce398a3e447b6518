"""Evaluation: every tutor judged over the 7, 30 and 90 days that end at a quarter hour."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from typing import cast

from sqlalchemy import Connection

from tutormax import queries
from tutormax.tutors import active_tutors, require_tutor
from tutormax.windows import WINDOW_DAYS, Window

# A tutor and the end of the windows over which the tutor is judged.
Judgement = tuple[int, datetime]

FIRST: Judgement = (0, datetime.min.replace(tzinfo=UTC))
LONGEST = timedelta(days=max(WINDOW_DAYS))
# Most judgements corrected in one go: a few seconds of work, however late the facts are.
MOST_AT_ONCE = 5000


class Tier(StrEnum):
    """How well a tutor does, best first; too little evidence is no tier."""

    EXEMPLARY = "exemplary"
    STRONG = "strong"
    DEVELOPING = "developing"
    NEEDS_ATTENTION = "needs_attention"
    AT_RISK = "at_risk"


@dataclass(frozen=True, slots=True)
class EvaluationSummary:
    """What one evaluation did; rows that came out as they were are not counted."""

    tutors: int
    rows_written: int
    rows_corrected: int
    fell: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Correction:
    """One piece of a correction: the rows it changed, and the judgement to go on after, if it is not the last."""

    rows: int
    goes_on_after: Judgement | None


def evaluate_tutors(
    connection: Connection, window: Window, *, lookback: timedelta, batch_size: int
) -> EvaluationSummary:
    """Judge every active tutor at one quarter hour, and again at each earlier one for which a fact arrived late."""
    summary = judge_tutors(connection, window)
    after: Judgement | None = FIRST
    while after is not None:
        piece = correct_judgements(connection, window, lookback=lookback, batch_size=batch_size, after=after)
        summary = replace(summary, rows_corrected=summary.rows_corrected + piece.rows)
        after = piece.goes_on_after
    return summary


def judge_tutors(connection: Connection, window: Window) -> EvaluationSummary:
    """Judge every active tutor at one quarter hour."""
    return _summarize(connection, active_tutors(connection, window.end), window)


def evaluate_single_tutor(connection: Connection, tutor_id: int, window: Window) -> EvaluationSummary:
    """Judge one tutor at one quarter hour, active or not; raise UnknownTutorError."""
    require_tutor(connection, tutor_id)
    return _summarize(connection, [tutor_id], window)


def correct_judgements(
    connection: Connection,
    window: Window,
    *,
    lookback: timedelta,
    batch_size: int,
    after: Judgement = FIRST,
    at_once: int = MOST_AT_ONCE,
) -> Correction:
    """Judge again where a fact arrived late for a quarter hour before this one: a piece of at most `at_once`.

    A fact is late if it became known after the previous evaluation less `lookback`, which covers what was being
    written just then. One statement corrects at most `batch_size` tutors.
    """
    previous = _previous_evaluation(connection, window)
    if previous is None:
        return Correction(rows=0, goes_on_after=None)
    belated = _belated(connection, window, previous - lookback, after, at_once)
    return Correction(
        rows=sum(_judge(connection, judgements) for judgements in _by_tutors(belated, batch_size)),
        goes_on_after=belated[-1] if len(belated) == at_once else None,
    )


def _summarize(connection: Connection, tutor_ids: Sequence[int], window: Window) -> EvaluationSummary:
    written = _judge(connection, [(tutor_id, window.end) for tutor_id in tutor_ids])
    # Before any correction: a fall that late facts move into the past is still news.
    return EvaluationSummary(len(tutor_ids), written, 0, _fallen(connection, tutor_ids, window))


def _judge(connection: Connection, judgements: Sequence[Judgement]) -> int:
    """Judge tutors at window ends; return how many rows came out new or different."""
    if not judgements:
        return 0
    tutor_ids, window_ends = zip(*judgements, strict=True)
    result = connection.execute(
        queries.load("upsert_tutor_performance"),
        {
            "tutor_ids": list(tutor_ids),
            "window_ends": list(window_ends),
            # Bounds for the partitions.
            "earliest": min(window_ends) - LONGEST,
            "latest": max(window_ends),
        },
    )
    return result.rowcount


def _fallen(connection: Connection, tutor_ids: Sequence[int], window: Window) -> tuple[int, ...]:
    rows = connection.execute(
        queries.load("fallen_tutors"),
        {"tutor_ids": list(tutor_ids), "window_end": window.end, "best_first": list(Tier)},
    )
    return tuple(rows.scalars())


def _previous_evaluation(connection: Connection, window: Window) -> datetime | None:
    rows = connection.execute(queries.load("previous_evaluation"), {"window_end": window.end})
    return cast("datetime | None", rows.scalar_one())


def _belated(
    connection: Connection, window: Window, known_since: datetime, after: Judgement, at_once: int
) -> list[Judgement]:
    after_tutor, after_window_end = after
    rows = connection.execute(
        queries.load("belated_judgements"),
        {
            "window_start": window.start,
            "known_since": known_since,
            "after_tutor": after_tutor,
            "after_window_end": after_window_end,
            "most": at_once,
        },
    )
    return [(row.tutor_id, row.window_end) for row in rows]


def _by_tutors(judgements: Sequence[Judgement], batch_size: int) -> Iterator[list[Judgement]]:
    """Yield judgements, sorted by tutor, in batches of some tutors."""
    of_each = [list(of_one) for _, of_one in groupby(judgements, key=itemgetter(0))]
    for first in range(0, len(of_each), batch_size):
        yield [judgement for of_one in of_each[first : first + batch_size] for judgement in of_one]
