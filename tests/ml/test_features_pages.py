"""Which pages features are read from: facts lie in the order of time, and a tutor's together only in the indexes."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import text

from ml.features.build import FURTHEST_BOOKING, LONGEST_WINDOW, SQL, one_plan
from tests.conftest import NOW
from tests.ml.conftest import Marketplace
from tutormax import queries

FACTS = ("sessions", "student_feedback", "tutor_events")


def test_what_is_known_of_a_tutor_is_read_from_indexes_alone(marketplace: Marketplace) -> None:
    ways = {node["Node Type"] for node in _reading(marketplace)}

    assert ways == {"Index Only Scan"}


def _reading(marketplace: Marketplace) -> Iterator[dict[str, Any]]:
    """Yield what the plan reads facts by, but for the sessions to come, which are few and lie together."""
    asked = {"tutor_ids": marketplace.tutors, "instants": [NOW] * len(marketplace.tutors)}
    bounds = {"oldest": NOW - LONGEST_WINDOW, "newest": NOW + FURTHEST_BOOKING}
    with one_plan(marketplace.connection):
        explained = text(f"explain (format json) {queries.load('features', SQL)}")
        plans = marketplace.connection.execute(explained, asked | bounds).scalar_one()
    for node in _nodes(plans[0]["Plan"]):
        if node.get("Relation Name", "").startswith(FACTS) and "booked_at" not in node.get("Filter", ""):
            yield node


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)
