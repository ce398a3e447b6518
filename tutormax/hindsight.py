"""What was computed from the past is dropped when the past is told anew.

Training computes what was known at past instants once, and reads it again every night. That holds as long as nobody
says afterwards that something had been known all along, as an import of history does.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete

from tutormax import queries
from tutormax.tables import feature_snapshots


def forget_training_features(connection: Connection, organization_id: int, since: datetime) -> int:
    """Drop an organization's training features from an instant on, for the next training to compute; return how many.

    For whoever writes facts as known earlier than they are written: in the same transaction, and since the earliest.
    """
    facts = {"organization_id": organization_id, "since": since}
    return connection.execute(queries.load("forget_training_features"), facts).rowcount


def forget_training_features_of(connection: Connection, tutor_ids: Collection[int]) -> int:
    """Drop all training features of some tutors: for whoever corrects what holds of them at every instant."""
    table = feature_snapshots
    theirs = table.c.tutor_id.in_(tutor_ids)
    return connection.execute(delete(table).where(theirs, table.c.purpose == "training")).rowcount
