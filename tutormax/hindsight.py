"""What was computed from the past is dropped when the past is told anew.

Training computes what was known at past instants once, and reads it again every night. That holds as long as nobody
says afterwards that something had been known all along, as an import of history does.
"""

from datetime import datetime

from sqlalchemy import Connection

from tutormax import queries


def forget_training_features(connection: Connection, organization_id: int, since: datetime) -> int:
    """Drop an organization's training features from an instant on, for the next training to compute; return how many.

    For whoever writes facts as known earlier than they are written: in the same transaction, and since the earliest.
    """
    facts = {"organization_id": organization_id, "since": since}
    return connection.execute(queries.load("forget_training_features"), facts).rowcount
