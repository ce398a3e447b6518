"""The engine of this process."""

import gc

import pytest
from sqlalchemy import text

from tutormax import db


@pytest.mark.filterwarnings("error")
def test_whoever_works_on_while_the_engine_is_closed_leaves_no_connection_open(database: str) -> None:
    assert database

    with db.transaction() as connection:
        db.dispose()
        connection.execute(text("select 1"))
    del connection

    gc.collect()
