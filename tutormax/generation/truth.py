"""The truth about synthetic worlds, in a schema that only the generator and the oracle read."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime

import numpy as np
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, REAL

from tutormax.generation import archive, copying, instants
from tutormax.generation.marketplace import Marketplace, Told
from tutormax.generation.process import BASELINES, Integers, Parameters
from tutormax.generation.tutors import Tutors
from tutormax.generation.world import World

# Not among tutormax.tables: what the product can name, it can read.
metadata = MetaData(schema="sim_truth")

worlds = Table(
    "worlds",
    metadata,
    Column("organization_id", Integer, primary_key=True),
    Column("seed", BigInteger, nullable=False),
    Column("parameters", JSONB, nullable=False),
    Column("first_day", Date, nullable=False),
    Column("written_until", DateTime(timezone=True), nullable=False),
    Column("morning", LargeBinary),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

tutors = Table(
    "tutors",
    metadata,
    Column("organization_id", Integer, primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("tutor_id", Integer, nullable=False),
    Column("joined_on", Date, nullable=False),
    Column("baseline_sessions_per_week", REAL, nullable=False),
    Column("subject_group", SmallInteger, nullable=False),
    Column("skill", SmallInteger, nullable=False),
    Column("login_factor", REAL, nullable=False),
    Column("response_shift", REAL, nullable=False),
)

evenings = Table(
    "evenings",
    metadata,
    Column("organization_id", Integer, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("ordinals", LargeBinary, nullable=False),
    Column("states", LargeBinary, nullable=False),
    Column("silent_days", LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Saved:
    """A world as it was last left."""

    marketplace: Marketplace
    """In the morning of the day on which the last row became known."""
    late: Told
    """Rows of earlier days that become known on this day or later."""
    written_until: int


@dataclass(frozen=True, slots=True)
class Written:
    """What an organization's world was made with, and how far it is written."""

    seed: int
    parameters: Parameters
    first_day: date
    written_until: datetime


def world_of(connection: Connection, organization_id: int) -> Written | None:
    """Return what an organization's world was made with; None if it has none."""
    row = connection.execute(select(worlds).where(worlds.c.organization_id == organization_id)).one_or_none()
    if row is None:
        return None
    return Written(row.seed, Parameters(**row.parameters), row.first_day, row.written_until)


def every_world(connection: Connection) -> dict[int, Written]:
    """Return what the worlds of all organizations were made with, by organization."""
    found = connection.execute(select(worlds.c.organization_id).order_by(worlds.c.organization_id)).scalars().all()
    return {each: written for each in found if (written := world_of(connection, each)) is not None}


def members(connection: Connection, organization_id: int) -> Integers:
    """Return the ids of a world's tutors."""
    statement = select(tutors.c.tutor_id).where(tutors.c.organization_id == organization_id)
    return np.array(connection.execute(statement).scalars().all(), np.int64)


def evening_of(connection: Connection, organization_id: int, day: int) -> tuple[Integers, Integers] | None:
    """Return who was there at the end of a day, by ordinal, and the state of each; None if that was not written."""
    statement = select(evenings.c.ordinals, evenings.c.states).where(
        evenings.c.organization_id == organization_id, evenings.c.day == instants.as_date(day)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    return np.frombuffer(row.ordinals, "<i4").astype(np.int64), np.frombuffer(row.states, np.uint8).astype(np.int64)


def begin(connection: Connection, organization_id: int, made_of: World) -> None:
    """Remember a new world, of which nothing is written yet."""
    first = made_of.first_day
    connection.execute(
        insert(worlds).values(
            organization_id=organization_id,
            seed=made_of.seed,
            parameters=asdict(made_of.parameters),
            first_day=instants.as_date(first),
            written_until=instants.as_datetime(first * instants.DAY),
        )
    )


def save(connection: Connection, organization_id: int, saved: Saved) -> None:
    """Remember a world as it is left, to continue it."""
    morning = archive.packed(saved.marketplace, saved.late)
    advance(connection, organization_id, saved.written_until, morning=morning)


def advance(connection: Connection, organization_id: int, written_until: int, **values: bytes) -> None:
    """Remember how far a world is written; its morning stays the one that was saved."""
    statement = update(worlds).where(worlds.c.organization_id == organization_id)
    connection.execute(statement.values(written_until=instants.as_datetime(written_until), **values))


def load(connection: Connection, organization_id: int) -> Saved | None:
    """Return an organization's world to continue it, and keep others from doing so until the transaction ends."""
    statement = select(worlds).where(worlds.c.organization_id == organization_id).with_for_update()
    row = connection.execute(statement).one_or_none()
    if row is None or row.morning is None:
        return None
    first_day = instants.day_number(row.first_day)
    marketplace, late = archive.unpacked(row.morning, Parameters(**row.parameters), row.seed, first_day)
    return Saved(marketplace, late, instants.of(row.written_until))


def add_tutors(connection: Connection, organization_id: int, joined: Tutors, tutor_ids: Integers) -> None:
    """Remember what tutors are like."""
    facts = [
        {
            "organization_id": organization_id,
            "ordinal": int(joined.ordinal[at]),
            "tutor_id": int(tutor_ids[at]),
            "joined_on": instants.as_date(int(joined.joined_day[at])),
            "baseline_sessions_per_week": float(BASELINES[joined.baseline[at]]),
            "subject_group": int(joined.subject[at]),
            "skill": int(joined.skill[at]),
            "login_factor": float(joined.login_factor[at]),
            "response_shift": float(joined.response_shift[at]),
        }
        for at in range(len(joined))
    ]
    copying.append_mappings(connection, tutors.fullname, facts)


def add_evenings(connection: Connection, organization_id: int, there: Mapping[int, Tutors]) -> None:
    """Remember the state of every tutor at the end of some days."""
    facts = [
        {
            "organization_id": organization_id,
            "day": instants.as_date(day),
            "ordinals": tutors.ordinal.astype("<i4").tobytes(),
            "states": tutors.state.astype(np.uint8).tobytes(),
            "silent_days": tutors.silent_days.astype(np.uint8).tobytes(),
        }
        for day, tutors in there.items()
    ]
    connection.execute(insert(evenings), facts)
