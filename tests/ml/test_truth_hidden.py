"""Whoever learns and predicts may read every row of the product, and no truth."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from ml.dataset import training_dataset
from ml.features.build import Spine, build
from tests.conftest import NOW
from tests.factories import add_session, add_tutor
from tutormax.populations import Population

ROLES = Path(__file__).parents[2] / "deploy/postgresql/roles.sql"
TRUTH = ("worlds", "tutors", "evenings")


@pytest.fixture
def product(connection: Connection) -> Connection:
    """A connection with the rights of the product's role, which sees one tutor."""
    add_session(connection, add_tutor(connection), status="completed")
    connection.exec_driver_sql(ROLES.read_text(encoding="utf-8"))
    connection.execute(text("set local role tutormax_product"))
    return connection


def test_it_computes_features_and_training_sets(product: Connection) -> None:
    [tutor] = product.execute(text("select tutor_id from tutors")).scalars()

    found = build(product, Spine.at([tutor], NOW))
    taught = training_dataset(product, population=Population.CUSTOMER, as_of=NOW, history_days=60)

    assert len(found) == 1
    assert set(taught.groups.tolist()) <= {tutor}


@pytest.mark.parametrize("table", TRUTH)
def test_it_may_not_read_the_truth(product: Connection, table: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied for schema sim_truth"), product.begin_nested():
        product.execute(text(f"select * from sim_truth.{table}"))


def test_those_are_all_the_tables_of_truth(product: Connection) -> None:
    named = product.execute(
        text("select relname from pg_class where relnamespace = 'sim_truth'::regnamespace and relkind = 'r'")
    ).scalars()

    assert set(named) == set(TRUTH)


def test_the_roles_can_be_set_again(connection: Connection) -> None:
    for _ in range(2):
        connection.exec_driver_sql(ROLES.read_text(encoding="utf-8"))

    assert connection.execute(text("select 1 from pg_roles where rolname = 'tutormax_product'")).scalar_one() == 1
