"""Training features are forgotten from the instant on from which the past is told anew."""

from datetime import timedelta

from sqlalchemy import Connection, insert, select

from tests.conftest import NOW
from tests.factories import add_organization, add_tutor
from tutormax.hindsight import forget_training_features, forget_training_features_of
from tutormax.tables import feature_snapshots

WEEK = timedelta(days=7)


def add_snapshot(connection: Connection, tutor: int, weeks_ago: int, purpose: str = "training") -> tuple[int, int]:
    """Keep a vector of a tutor; return how it is known below."""
    as_of = NOW - weeks_ago * WEEK
    values = {"tutor_id": tutor, "as_of": as_of, "feature_version": "58", "features": [0.0] * 58, "purpose": purpose}
    connection.execute(insert(feature_snapshots).values(values))
    return tutor, weeks_ago


def kept(connection: Connection) -> set[tuple[int, int]]:
    return {(row.tutor_id, (NOW - row.as_of) // WEEK) for row in connection.execute(select(feature_snapshots))}


def test_only_an_organizations_training_features_since_then_are_forgotten(connection: Connection) -> None:
    organization = add_organization(connection)
    tutor, another = add_tutor(connection, organization=organization), add_tutor(connection)
    for weeks_ago in (0, 1):
        add_snapshot(connection, tutor, weeks_ago)
    older, theirs = add_snapshot(connection, tutor, 2), add_snapshot(connection, another, 0)
    served = add_snapshot(connection, add_tutor(connection, organization=organization), 0, purpose="serving")

    assert forget_training_features(connection, organization, NOW - WEEK) == 2

    assert kept(connection) == {older, theirs, served}


def test_of_some_tutors_training_features_of_every_instant_are_forgotten_and_no_others(connection: Connection) -> None:
    tutor, another = add_tutor(connection), add_tutor(connection)
    add_snapshot(connection, tutor, 1)
    served = add_snapshot(connection, tutor, 0, purpose="serving")
    theirs = add_snapshot(connection, another, 0)

    assert forget_training_features_of(connection, [tutor]) == 1

    assert kept(connection) == {served, theirs}


def test_nothing_is_forgotten_when_only_news_came_in(connection: Connection) -> None:
    organization = add_organization(connection)
    mine = add_snapshot(connection, add_tutor(connection, organization=organization), 0)

    assert forget_training_features(connection, organization, NOW + WEEK) == 0
    assert kept(connection) == {mine}
