"""Evaluation: every tutor judged over the 7, 30 and 90 days that end at a quarter hour.

A stored judgement holds from its quarter hour on until the next one of the same tutor and window, so that only what
has changed is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple, cast

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from tutormax import queries, rollup, window_sums
from tutormax.tables import evaluations, touched_tutors
from tutormax.tutors import active_tutors, require_tutor
from tutormax.windows import WINDOW_DAYS, Window

# Most judgements corrected in one go: a few seconds of work, however late the facts are.
MOST_AT_ONCE = 5000
DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)


class Tier(StrEnum):
    """How well a tutor does, best first; too little evidence is no tier."""

    EXEMPLARY = "exemplary"
    STRONG = "strong"
    DEVELOPING = "developing"
    NEEDS_ATTENTION = "needs_attention"
    AT_RISK = "at_risk"


class Judgement(NamedTuple):
    """A tutor, the end of the windows over which the tutor is judged, and whether the tutor is active then."""

    tutor_id: int
    window_end: datetime
    active: bool


@dataclass(frozen=True, slots=True)
class EvaluationSummary:
    """What one evaluation did: who was active, and how many rows came out other than before."""

    tutors: int
    rows_written: int
    rows_corrected: int
    fell: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Correction:
    """One piece of a correction: the rows it changed, and whether there may be more."""

    rows: int
    goes_on: bool


def evaluate_tutors(connection: Connection, window: Window) -> EvaluationSummary:
    """Judge every active tutor at one quarter hour, and again at each other one whose facts were touched since."""
    summary = judge_tutors(connection, window)
    goes_on = True
    while goes_on:
        piece = correct_judgements(connection)
        summary = replace(summary, rows_corrected=summary.rows_corrected + piece.rows)
        goes_on = piece.goes_on
    return summary


def judge_tutors(connection: Connection, window: Window) -> EvaluationSummary:
    """Judge every active tutor at one quarter hour; nobody's judgement is computed who cannot have another."""
    rollup.sum_up(connection)
    rollup.lock(connection)
    active = active_tutors(connection, window.end)
    previous = _previous(connection, window)
    if previous is None or _day(previous) < _day(window.end):
        # Late facts still change judgements of yesterday, and of few days before.
        window_sums.forget_ended(connection, before=_day(window.end) - DAY)
    written = _judge(connection, _to_judge(connection, window, active, previous))
    connection.execute(insert(evaluations).values(window_end=window.end).on_conflict_do_nothing())
    connection.execute(update(touched_tutors).values(counted_at=window.end))
    # Before any correction: a fall that late facts move into the past is still news.
    return EvaluationSummary(len(active), written, 0, _fallen(connection, active, window))


def evaluate_single_tutor(connection: Connection, tutor_id: int, window: Window) -> EvaluationSummary:
    """Judge one tutor at one quarter hour, active or not; raise UnknownTutorError."""
    require_tutor(connection, tutor_id)
    rollup.sum_up(connection, tutor_id=tutor_id)
    rollup.lock(connection)
    active = bool(active_tutors(connection, window.end, tutor_ids=[tutor_id]))
    written = _judge(connection, [Judgement(tutor_id, window.end, active)])
    return EvaluationSummary(1, written, 0, _fallen(connection, [tutor_id], window))


def correct_judgements(connection: Connection, *, at_once: int = MOST_AT_ONCE) -> Correction:
    """Judge again where facts were touched that judgements have counted, or should have: at most `at_once` judgements.

    Call it until nothing goes on; whatever stops it in between, it finds what is left.
    """
    rollup.lock(connection)
    rows = connection.execute(queries.load("evaluation/judgements_to_correct"), {"most": at_once})
    judgements = [Judgement(*row) for row in rows]
    corrected = _judge(connection, judgements)
    if len(judgements) < at_once:
        connection.execute(delete(touched_tutors))
        return Correction(corrected, goes_on=False)
    _settle_until(connection, judgements[-1])
    return Correction(corrected, goes_on=True)


def _settle_until(connection: Connection, last: Judgement) -> None:
    """Forget which judgements were to be corrected, up to the last one that was."""
    noted = touched_tutors.c
    connection.execute(delete(touched_tutors).where(noted.tutor_id < last.tutor_id))
    rest = update(touched_tutors).where(noted.tutor_id == last.tutor_id)
    connection.execute(rest.values(earliest=last.window_end + MOMENT))


def _to_judge(
    connection: Connection, window: Window, active: Sequence[int], previous: datetime | None
) -> list[Judgement]:
    rows = connection.execute(
        queries.load("evaluation/tutors_to_judge"),
        {"active": list(active), "window_end": window.end, "previous": previous},
    )
    return [Judgement(row.tutor_id, window.end, row.active) for row in rows]


def _previous(connection: Connection, window: Window) -> datetime | None:
    statement = select(func.max(evaluations.c.window_end)).where(evaluations.c.window_end < window.end)
    return cast("datetime | None", connection.execute(statement).scalar_one())


def _judge(connection: Connection, judgements: Sequence[Judgement]) -> int:
    """Judge tutors at window ends; return how many rows were written or removed."""
    if not judgements:
        return 0
    passed = {(one.tutor_id, one.window_end): one for one in [*_after(connection, judgements), *judgements]}
    tutor_ids, window_ends, actives = zip(*passed.values(), strict=True)
    window_sums.sum_up(connection, ((tutor_id, _day(window_end)) for tutor_id, window_end in passed))
    result = connection.execute(
        queries.load("evaluation/judge"),
        {
            "tutor_ids": list(tutor_ids),
            "window_ends": list(window_ends),
            "actives": list(actives),
            **_bounds(min(window_ends), max(window_ends)),
        },
    )
    return result.rowcount


def _after(connection: Connection, judgements: Sequence[Judgement]) -> list[Judgement]:
    """Return the judgements that hold no longer if these change, because an evaluation came between."""
    newest = connection.execute(select(func.max(evaluations.c.window_end))).scalar_one()
    earlier = [one for one in judgements if newest is not None and one.window_end < newest]
    if not earlier:
        return []
    tutor_ids, window_ends, _ = zip(*earlier, strict=True)
    pairs = {"tutor_ids": list(tutor_ids), "window_ends": list(window_ends)}
    return [Judgement(*row) for row in connection.execute(queries.load("evaluation/judgements_after"), pairs)]


def _bounds(earliest: datetime, latest: datetime) -> dict[str, object]:
    """Return what the statement needs to meet few partitions."""
    first, last = (datetime.combine(_day(end), time(), UTC) for end in (earliest, latest))
    bounds: dict[str, object] = {"earliest": earliest, "latest": latest}
    for days in (0, *WINDOW_DAYS):
        bounds |= {f"starts_{days}": first - days * DAY, f"ends_{days}": last - (days - 1) * DAY}
    return bounds


def _day(instant: datetime) -> date:
    return instant.astimezone(UTC).date()


def _fallen(connection: Connection, tutor_ids: Sequence[int], window: Window) -> tuple[int, ...]:
    rows = connection.execute(
        queries.load("evaluation/fallen_tutors"),
        {"tutor_ids": list(tutor_ids), "window_end": window.end, "best_first": list(Tier)},
    )
    return tuple(rows.scalars())
