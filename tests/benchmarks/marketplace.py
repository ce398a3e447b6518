"""The marketplace that is measured: a generated one, its copies, and a quarter hour more of it when asked for.

Its history ends a day before today, so that quarter hours that have ended follow it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    DateTime,
    FromClause,
    Insert,
    Integer,
    Table,
    column,
    func,
    insert,
    select,
    table,
    text,
    true,
)

from tests.benchmarks.costs import Cost, cost_of
from tests.benchmarks.sizes import DAYS, Size
from tutormax import db
from tutormax.generation.sample import make_sample
from tutormax.tables import organizations, sessions, student_feedback, students, tutor_events, tutors

AS_OF = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
SEED = 7
DAY, WEEK, MICROSECOND = timedelta(days=1), timedelta(days=7), timedelta(microseconds=1)
FACTS = (sessions, student_feedback, tutor_events)
IDS = {"tutor_id": tutors, "student_id": students, "session_id": sessions}
# What the database gives itself, and nobody refers to.
GIVEN = ("feedback_id", "event_id")
# More sessions than there ever are.
A_WEEK_OF_IDS = 10**12


@dataclass(frozen=True, slots=True)
class Marketplace:
    """What was built, and what that cost."""

    size: Size
    sessions_generated: int
    generated: Cost
    copied_seconds: float
    gib: float


@cache
def built(size: Size, days: int = DAYS) -> Marketplace:
    """Build a marketplace in an empty database, once; the planner knows it, and every page of it is seen by all."""
    generated = cost_of(lambda: _generate(size, days))
    with db.transaction() as connection:
        sessions_generated = newest_sample(connection)
    copied = cost_of(lambda: _copy_all(size)).wall_seconds
    with _by_itself() as connection:
        connection.execute(text("vacuum (analyze)"))
        connection.execute(text("checkpoint"))
        taken = connection.execute(text("select pg_database_size(current_database())")).scalar_one()
    return Marketplace(size, sessions_generated, generated, copied, taken / 2**30)


def copy(connection: Connection, copies: int) -> None:
    """Copy everybody and what they did until there are so many of each, all doing the same at the same time."""
    connection.execute(text("set local statement_timeout = 0"))
    strides = {
        name: connection.execute(select(func.coalesce(func.max(of.c[name]), 0))).scalar_one()
        for name, of in IDS.items()
    }
    for people in (tutors, students):
        connection.execute(_copies(people, people, copies, strides))
    for facts in FACTS:
        # By the day: rows then lie in the order of time, as they would.
        for pieces in _days(connection, facts, copies, strides):
            connection.execute(pieces)
    for name, of in IDS.items():
        connection.execute(select(func.setval(f"{of.name}_{name}_seq", func.max(of.c[name]))))


def newest_sample(connection: Connection) -> int:
    """Return how many sessions there are of the newest organization: those that ended, were cancelled or lie ahead."""
    newest = select(func.max(organizations.c.organization_id)).scalar_subquery()
    statement = select(func.count()).select_from(sessions).where(sessions.c.organization_id == newest)
    return connection.execute(statement).scalar_one()


def go_on(connection: Connection, start: datetime, end: datetime) -> int:
    """Let what became known a week before, between two instants, happen once more; return how many rows that is."""
    counted = connection.execution_options(preserve_rowcount=True)
    return sum(counted.execute(_a_week_later(facts, start - WEEK, end - WEEK)).rowcount for facts in FACTS)


def _generate(size: Size, days: int) -> None:
    with db.transaction() as connection:
        day = (AS_OF - DAY).date()
        make_sample(connection, tutors=size.generated, sessions=size.sessions(days), target_date=day, seed=SEED)


def _copy_all(size: Size) -> None:
    if size.copies > 1:
        with db.transaction() as connection:
            copy(connection, size.copies)


def _days(connection: Connection, facts: Table, copies: int, strides: Mapping[str, int]) -> Iterator[Insert]:
    """Yield what copies the facts of one day after the other."""
    happened = next(key.name for key in facts.primary_key if isinstance(key.type, DateTime))
    original = table(f"original_{facts.name}", *(column(each.name, each.type) for each in facts.columns))
    connection.execute(text(f"create temporary table {original.name} on commit drop as select * from {facts.name}"))
    connection.execute(text(f"create index on {original.name} ({happened})"))
    connection.execute(text(f"analyze {original.name}"))
    at, last = connection.execute(select(func.min(original.c[happened]), func.max(original.c[happened]))).one()
    while at is not None and at <= last:
        today = original.c[happened].between(at, at + DAY - MICROSECOND)
        yield _copies(facts, original, copies, strides, today)
        at += DAY


def _copies(
    target: Table, original: FromClause, copies: int, strides: Mapping[str, int], *which: ColumnElement[bool]
) -> Insert:
    """Return what adds all copies but the first, which is there: each with ids and names of its own."""
    number = func.generate_series(1, copies - 1).table_valued(column("number", Integer)).render_derived()

    def copied(name: str) -> ColumnElement[Any]:
        if name in strides:
            return original.c[name] + number.c.number * strides[name]
        return original.c[name].concat("-").concat(number.c.number) if name == "external_id" else original.c[name]

    names = [each.name for each in target.columns if each.name not in GIVEN]
    rows = select(*map(copied, names)).select_from(original.join(number, true())).where(*which)
    return insert(target).from_select(names, rows)


def _a_week_later(facts: Table, start: datetime, end: datetime) -> Insert:
    def later(each: Column[Any]) -> ColumnElement[Any]:
        if each.name == "session_id":
            return each + A_WEEK_OF_IDS
        if each.name == "external_id":
            return each.concat(" again")
        return each + WEEK if isinstance(each.type, DateTime) else each

    columns = [each for each in facts.columns if each.name not in GIVEN]
    known = facts.c.ingested_at
    return insert(facts).from_select(
        [each.name for each in columns], select(*map(later, columns)).where(known > start, known <= end)
    )


@contextmanager
def _by_itself() -> Iterator[Connection]:
    """Give a connection whose every statement is its own transaction, and takes as long as it takes."""
    with db.engine().connect() as connection:
        alone = connection.execution_options(isolation_level="AUTOCOMMIT")
        alone.execute(text("set statement_timeout = 0"))
        yield alone
        # Its session goes back to the pool.
        connection.invalidate()
