"""A desk for every test: somewhere to write files and a transaction to take them in."""

from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests.ingest.files import SESSION, TUTOR, Desk
from tutormax.ingest import Kind


@pytest.fixture
def desk(connection: Connection, tmp_path: Path) -> Desk:
    """A desk of an organization of which nothing is known."""
    return Desk(connection, tmp_path)


@pytest.fixture
def staffed(desk: Desk) -> Desk:
    """A desk of an organization with the tutor t1 and the session s1 of the student p1."""
    desk.take(Kind.TUTORS, TUTOR)
    desk.take(Kind.SESSIONS, SESSION)
    return desk
