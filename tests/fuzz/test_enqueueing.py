"""Calls and command lines of any kind: a job is sent whole, or nothing is and a sentence says why."""

import contextlib
import io
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, delete, func, select

from tests.fuzz.scale import examples
from tests.jobs import probes  # noqa: F401 - installs the broker
from tutormax import db, enqueue
from tutormax.jobs import InvalidArgumentsError, Job, JobActor, ring
from tutormax.tables import jobs


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


def take_everything(  # noqa: PLR0917 - one argument of each type
    job: Job,
    count: int,
    share: float = 0.5,
    name: str | None = None,
    loud: bool = False,
    day: date | None = None,
    moment: datetime | None = None,
    colour: Colour = Colour.RED,
) -> None:
    """Take one argument of each type."""


def take_anything(
    job: Job, anything: Any = None, some: list[Any] | None = None, named: dict[str, Any] | None = None
) -> None:
    """Take what has no type."""


ACTORS: dict[str, JobActor[Any, Any]] = {
    function.__name__: JobActor(function, queue="probes", time_limit=60, priority=0, max_retries=None)
    for function in (take_everything, take_anything)
}
PARAMETERS = ("count", "share", "name", "loud", "day", "moment", "colour", "anything", "some", "named", "other")

# Text of every kind there is, surrogates and NUL included.
text = st.text(st.characters(), max_size=30)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(2**70), 2**70), st.floats(), text, st.dates(),
    st.datetimes(), st.binary(max_size=10), st.sampled_from([*Colour, object(), 10**400, "a" * 20_000]),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text | st.integers(), inner, max_size=4),
    max_leaves=20,
)
deep = st.integers(1, 3000).map(lambda depth: _nested(depth))  # noqa: PLW0108 - it stands below


def _nested(depth: int) -> list[Any]:
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made


def rows(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(jobs)).scalar_one())


@settings(max_examples=examples(150, 8000), deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(
    actor=st.sampled_from(sorted(ACTORS)),
    positional=st.lists(values | deep, max_size=2),
    named=st.dictionaries(st.sampled_from(PARAMETERS), values | deep, max_size=4),
)
def test_a_call_is_sent_whole_or_refused(
    connection: Connection, actor: str, positional: list[Any], named: dict[str, Any]
) -> None:
    ring.use(None)
    before = rows(connection)

    try:
        job = ACTORS[actor].send(*positional, connection=connection, **named)
    except InvalidArgumentsError:
        assert rows(connection) == before
        return

    kept = connection.execute(select(jobs.c.args).where(jobs.c.job_id == job)).scalar_one()
    ACTORS[actor].arguments.unpack(kept)
    assert rows(connection) == before + 1


words = st.one_of(
    st.sampled_from(
        [*ACTORS, "--list", "--wait", "--json", "--in", "--at", "--key", "--priority", "--timeout", "--", "-h"]
    ),
    st.sampled_from([f"--{name}" for name in PARAMETERS]),
    st.sampled_from(["5", "-1", "10m", "1e999", "nan", "true", "2026-01-08", "2026-01-08T14:30:00Z", "red", "", "é"]),
    text,
)


def test_a_command_line_sends_one_job_or_none_and_never_a_traceback(engine: Engine) -> None:
    ring.use(None)

    @settings(max_examples=examples(60, 2000), deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from([[], ["take_everything", "--count", "5"], ["take_anything"]]), st.lists(words, max_size=6))
    def whatever_is_typed(sound: list[str], typed: list[str]) -> None:
        # Waiting for a job that nobody runs is another matter.
        given = [word for word in (*sound, *typed) if word != "--wait"]
        with engine.connect() as connection:
            before = rows(connection)
        said, complained = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
            try:
                code = int(enqueue.main(given, ACTORS))
            except SystemExit as ended:
                code = int(ended.code or 0)
        with engine.connect() as connection:
            sent = rows(connection) - before
        assert "Traceback" not in complained.getvalue()
        assert code in (0, 1, 2)
        assert sent <= (code == 0)

    whatever_is_typed()
    with engine.begin() as connection:
        connection.execute(delete(jobs))
    db.dispose()
