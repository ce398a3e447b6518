"""A marketplace as an npz archive, to be continued later: arrays only, nothing that could run."""

import io
from typing import Any, TypeVar

import numpy as np

from tutormax.generation.columns import Columns
from tutormax.generation.marketplace import Marketplace, Told
from tutormax.generation.process import Parameters
from tutormax.generation.rosters import Rosters
from tutormax.generation.rows import Events, Feedback, Sessions, Students
from tutormax.generation.tutors import Tutors
from tutormax.generation.world import World

T = TypeVar("T", bound=Columns)


def packed(marketplace: Marketplace, late: Told) -> bytes:
    """Return a marketplace in the morning, and the rows of earlier days that become known later."""
    tables: dict[str, Columns] = {
        "tutors": marketplace.world.tutors,
        "rosters": marketplace.rosters,
        "book": marketplace.book,
        "late_tutors": late.tutors,
        "late_students": late.students,
        "late_booked": late.booked,
        "late_decided": late.decided,
        "late_feedback": late.feedback,
        "late_events": late.events,
    }
    arrays: dict[str, Any] = {
        f"{name}.{column}": values for name, table in tables.items() for column, values in table.arrays().items()
    }
    octets = io.BytesIO()
    np.savez_compressed(
        octets,
        allow_pickle=False,
        day=marketplace.world.day,
        next_ordinal=marketplace.world.next_ordinal,
        next_session=marketplace.next_session,
        next_student=marketplace.next_student,
        next_event=marketplace.next_event,
        **arrays,
    )
    return octets.getvalue()


def unpacked(octets: bytes, parameters: Parameters, seed: int, first_day: int) -> tuple[Marketplace, Told]:
    """Return what was packed."""
    with np.load(io.BytesIO(octets), allow_pickle=False) as file:
        arrays = dict(file)
    world = World(
        parameters=parameters,
        seed=seed,
        first_day=first_day,
        day=int(arrays["day"]),
        tutors=_table(Tutors, "tutors", arrays),
        next_ordinal=int(arrays["next_ordinal"]),
    )
    marketplace = Marketplace(
        world=world,
        rosters=_table(Rosters, "rosters", arrays),
        book=_table(Sessions, "book", arrays),
        next_session=int(arrays["next_session"]),
        next_student=int(arrays["next_student"]),
        next_event=int(arrays["next_event"]),
    )
    late = Told(
        tutors=_table(Tutors, "late_tutors", arrays),
        students=_table(Students, "late_students", arrays),
        booked=_table(Sessions, "late_booked", arrays),
        decided=_table(Sessions, "late_decided", arrays),
        feedback=_table(Feedback, "late_feedback", arrays),
        events=_table(Events, "late_events", arrays),
    )
    return marketplace, late


def _table(kind: type[T], name: str, arrays: dict[str, Any]) -> T:
    prefix = f"{name}."
    return kind(**{key.removeprefix(prefix): values for key, values in arrays.items() if key.startswith(prefix)})
