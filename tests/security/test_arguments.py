"""Arguments are small, flat and of their types, when a job is asked for and again when it runs."""

import math
from typing import Any

import pytest
from sqlalchemy import text

from tests.jobs import probes
from tutormax import db
from tutormax.jobs import InvalidArgumentsError, Job, JobActor, execution, ring
from tutormax.jobs.outcomes import Outcome


def take_anything(job: Job, anything: Any = None) -> None:
    """Take what has no type."""


ANYTHING: JobActor[Any, Any] = JobActor(take_anything, queue="probes", time_limit=60, priority=0, max_retries=None)


def nested(depth: int) -> list[Any]:
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("x" * 17_000, "more than 16384 bytes"),
        (nested(8), "more than 8 levels"),
        (nested(100_000), "levels|recursion"),
        ({"a": {"b": nested(7)}}, "more than 8 levels"),
        (math.nan, "no number"),
        (math.inf, "no number"),
        (2.0**63, "no number of 64 bits"),
        (10**400, "more than 64 bits"),
        ("a\0b", "text that cannot be kept"),
        ({"\ud800": 1}, "text that cannot be kept"),
        (object(), "object"),
    ],
    ids=["long", "deep", "very deep", "deep map", "nan", "infinity", "large", "huge", "nul", "surrogate", "object"],
)
def test_what_cannot_be_kept_is_refused_before_anything_is_written(value: object, told: str) -> None:
    with pytest.raises(InvalidArgumentsError, match=told):
        ANYTHING.request(value)


def test_eight_levels_and_sixteen_kibibytes_are_taken() -> None:
    assert ANYTHING.request(nested(6)).args == {"anything": nested(6)}
    assert ANYTHING.request("x" * 16_000)


@pytest.mark.parametrize(
    "stored",
    [
        '{"mark": 5}',
        '{"mark": "a", "unknown": 1}',
        "{}",
        '{"mark": "a", "seconds": [[[[[[[[[1]]]]]]]]]}',
        """{"mark": "a", "seconds": "soon"}""",
    ],
)
def test_a_row_that_somebody_else_wrote_is_checked_before_it_runs(database: str, stored: str) -> None:
    assert database
    ring.use(None)
    with db.transaction() as connection:
        probes.make_effects(connection)
    job = probes.leave_mark.send("a")
    with db.transaction() as connection:
        connection.execute(text("update jobs set args = cast(:args as jsonb)"), {"args": stored})

    probes.leave_mark.answer(str(job))

    given = execution.given_answer()
    assert given is not None
    assert (given.result().outcome, given.result().exception) == (Outcome.DEAD, "InvalidArgumentsError")
    with db.transaction() as connection:
        assert probes.effects(connection) == []
