"""Telling a worker what was taken in: what a command counts ends with the command, what a worker counts is scraped."""

from sqlalchemy import Connection

from tutormax import jobs

# The actor and its queue by name: the core does not know the actors above it, a test holds the names equal.
ACTOR = "count_ingested_sessions"
QUEUE = "default"


def tell(connection: Connection, *, accepted: int = 0, refused_rows: int = 0, refused_with_file: int = 0) -> None:
    """Insert the job that counts sessions, in the transaction that takes them in."""
    args = {"accepted": accepted, "refused_rows": refused_rows, "refused_with_file": refused_with_file}
    if any(args.values()):
        jobs.insert(connection, [jobs.Request(ACTOR, QUEUE, args, requested_by="ingest")])
