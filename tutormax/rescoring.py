"""Asking for new scores: whatever changes a tutor's picture does so in its own transaction."""

from collections.abc import Collection

from sqlalchemy import Connection

from tutormax import jobs

# The actor and its queue by name: the core does not know the actors above it, a test holds the names equal.
ACTOR = "predict_churn_for_tutor"
QUEUE = "prediction"


def request(connection: Connection, tutor_ids: Collection[int], reason: str) -> int:
    """Insert a scoring for each tutor, to run once the transaction has committed; return how many tutors.

    Scorings of one tutor that have not started are one scoring, so a burst of events costs no more than an event.
    """
    distinct = sorted(set(tutor_ids))
    jobs.insert(
        connection,
        [
            jobs.Request(ACTOR, QUEUE, {"tutor_id": tutor, "reason": reason}, key=f"tutor {tutor}", requested_by=reason)
            for tutor in distinct
        ],
    )
    return len(distinct)
