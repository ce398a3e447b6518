"""From an event to the new score: from the commit that stores it and asks for a scoring, to the commit of the score.

Events come at random times, two a second on average: about sixty times what 1,500 tutors cause in a day.
"""

import os
import random
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from tests.benchmarks.measure import Figure, milliseconds
from tests.benchmarks.sizes import Size
from tests.benchmarks.working import settle
from tests.factories import add_session
from tutormax import db, rescoring
from tutormax.broker import Queue
from tutormax.tables import churn_predictions

EVENTS = int(os.environ.get("EVENTS", "100"))
A_SECOND = 2.0
# All at once before the others: so every worker gets some, loads the model and fills its caches.
UNCOUNTED = 40
TRIGGER = "benchmarked event"
LOOK_SECONDS = 0.005
LONGEST_SECONDS = 60.0
MINUTE = timedelta(minutes=1)


def figures_of(size: Size, tutor_ids: Sequence[int]) -> Iterator[Figure]:
    """Measure an event of each of some tutors, while workers serve."""
    chance = random.Random(7)  # noqa: S311 - nothing secret
    for tutor_id in tutor_ids[:UNCOUNTED]:
        _happens(tutor_id)
    settle(Queue.PREDICTION)
    told: dict[int, float] = {}
    seen: dict[int, float] = {}
    some = tutor_ids[UNCOUNTED : UNCOUNTED + EVENTS]
    watcher = threading.Thread(target=_watch, args=(some, seen), daemon=True)
    watcher.start()
    for tutor_id in some:
        time.sleep(chance.expovariate(A_SECOND))
        told[tutor_id] = _happens(tutor_id)
    watcher.join()
    missing = told.keys() - seen.keys()
    assert not missing, f"no score after {LONGEST_SECONDS:g} s: {missing}"
    waited = [seen[tutor_id] - told[tutor_id] for tutor_id in some]
    for share, goal in ((0.5, None), (0.95, 1000)):
        name = f"from an event's commit to that of its score, {size.name}: p{100 * share:.0f}"
        yield milliseconds(name, waited, share, goal=goal)


def _happens(tutor_id: int) -> float:
    """Store a session that has just ended, and ask for a score as its arrival does; return when it was committed."""
    started = datetime.now(UTC) - 61 * MINUTE
    with db.transaction() as connection:
        add_session(connection, tutor_id, scheduled_start=started)
        rescoring.request(connection, [tutor_id], TRIGGER)
    return time.monotonic()


def _watch(tutor_ids: Sequence[int], seen: dict[int, float]) -> None:
    """Note when the score of each tutor can be seen by others."""
    deadline = time.monotonic() + len(tutor_ids) / A_SECOND + LONGEST_SECONDS
    while len(seen) < len(tutor_ids) and time.monotonic() < deadline:
        waited_for = [tutor_id for tutor_id in tutor_ids if tutor_id not in seen]
        statement = select(churn_predictions.c.tutor_id).where(
            churn_predictions.c.trigger == TRIGGER, churn_predictions.c.tutor_id.in_(waited_for)
        )
        with db.transaction() as connection:
            scored = connection.execute(statement).scalars().all()
        now = time.monotonic()
        seen.update(dict.fromkeys(scored, now))
        time.sleep(LOOK_SECONDS)
