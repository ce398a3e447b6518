"""Writing what has just become known, and asking for new scores of the tutors whose picture it changes."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
from sqlalchemy import Connection

from tutormax import queries
from tutormax.generation import identifiers, instants
from tutormax.generation.identifiers import Kind
from tutormax.generation.instants import NEVER
from tutormax.generation.marketplace import Told
from tutormax.generation.process import Floats, Integers
from tutormax.generation.rows import EVENT_TYPES, NOTHING_SAID, Events, EventType, Sessions, Status
from tutormax.generation.store import STATUS_NAMES, Store, Written

LOW_RATING = 3


class Writer:
    """Writes what becomes known to one organization, and counts it."""

    def __init__(self, store: Store, request_scores: Callable[[Connection, Collection[int], str], int]) -> None:
        self.store = store
        self.rows = Written()
        self.outcomes = 0
        self.scores = 0
        self._request_scores = request_scores

    def write(self, told: Told) -> int:
        """Write rows that became known; return how many sessions were booked."""
        store = self.store
        tutors, students = store.add_tutors(told.tutors), store.add_students(told.students)
        told = store.recall_people(told)
        booked = store.add_sessions(told.booked.as_booked())
        self.outcomes += self._decide(told.decided)
        store.recall_sessions(told.feedback)
        feedback = store.add_feedback(told.feedback)
        reduced = self._reduced_availability(told.events)
        events = store.add_events(told.events)
        self.rows += Written(tutors, students, booked, feedback, events)
        self._rescore(told, reduced)
        return booked

    def _decide(self, decided: Sessions) -> int:
        if not len(decided):
            return 0
        store = self.store
        result = store.connection.execute(
            queries.load("generation/update_outcomes"),
            {
                "organization_id": store.organization_id,
                "earliest": instants.as_datetime(int(decided.start.min())),
                "latest": instants.as_datetime(int(decided.start.max())),
                "outcomes": msgspec.json.encode(_outcomes(store.seed, decided)).decode(),
            },
        )
        return result.rowcount

    def _reduced_availability(self, events: Events) -> Collection[int]:
        changed = _of_kind(events, EventType.AVAILABILITY_CHANGE)
        if not len(changed):
            return []
        found = self.store.connection.execute(
            queries.load("generation/reduced_availability"),
            {
                "tutor_ids": self.store.tutor_ids(changed.tutor),
                "event_times": [instants.as_datetime(at) for at in changed.happened.tolist()],
                "hours": changed.value.tolist(),
            },
        )
        return found.scalars().all()

    def _rescore(self, told: Told, reduced: Collection[int]) -> None:
        """One request for each reason; a tutor with several is scored once."""
        taught = np.isin(told.decided.status, (Status.COMPLETED, Status.TUTOR_NO_SHOW))
        rescheduled = _of_kind(told.events, EventType.RESCHEDULE)
        ids = self.store.tutor_ids
        for reason, tutor_ids in {
            "session": ids(told.decided.tutor[taught]),
            "low rating": ids(told.feedback.tutor[told.feedback.rating < LOW_RATING]),
            "reschedule": ids(rescheduled.tutor[rescheduled.by_tutor == 1]),
            "availability cut": reduced,
            "resignation": ids(_of_kind(told.events, EventType.RESIGNATION).tutor),
        }.items():
            if tutor_ids:
                self.scores += self._request_scores(self.store.connection, tutor_ids, reason)


def _of_kind(events: Events, kind: EventType) -> Events:
    return events.take(events.kind == EVENT_TYPES.index(kind))


def _outcomes(seed: int, decided: Sessions) -> list[dict[str, Any]]:
    names = identifiers.external_ids(seed, Kind.SESSION, decided.session)
    return [
        {
            "external_id": names[at],
            "scheduled_start": instants.as_datetime(int(decided.start[at])),
            "status": STATUS_NAMES[int(decided.status[at])],
            "cancelled_at": _instant(decided.cancelled, at),
            "actual_start": _instant(decided.actual_start, at),
            "ended_at": _instant(decided.ended, at),
            "outcome_known_at": _instant(decided.known, at),
            "late_start_minutes": _number(decided.late_minutes, at),
            "engagement_score": _number(decided.engagement, at),
            "objectives_met": _answer(decided.objectives, at),
            "technical_issues": _answer(decided.technical, at),
            "tutor_replaced": bool(decided.replaced[at]),
        }
        for at in range(len(decided))
    ]


def _instant(column: Integers, at: int) -> datetime | None:
    return None if column[at] == NEVER else instants.as_datetime(int(column[at]))


def _number(column: Floats, at: int) -> float | None:
    return None if np.isnan(column[at]) else float(column[at])


def _answer(column: Integers, at: int) -> bool | None:
    return None if column[at] == NOTHING_SAID else bool(column[at])
