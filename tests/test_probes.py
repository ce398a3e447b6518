"""Probes: each store answers for itself."""

from contextlib import closing

from tests.exporter.test_collector import silence
from tests.surroundings import environment
from tutormax.probes import Stores


def test_a_broker_that_has_answered_is_not_blamed_for_a_database_that_hangs() -> None:
    with (
        silence() as port,
        environment(DATABASE_URL=f"postgresql+psycopg://nobody@127.0.0.1:{port}/none"),
        closing(Stores()) as stores,
    ):
        well, said = stores.ready()

    assert (well, said["broker"]) == (False, "ok")
    assert "no answer in time" in said["postgresql"]
