"""What scores a population: its champion once loaded, the one before if that cannot be, the rule if there is none."""

from pathlib import Path

import pytest
from sqlalchemy import Connection

from ml import links
from ml.artefact import ArtefactError
from ml.serving import RULE, Shelf
from tests.ml.registered import SYNTHETIC, add_model
from tests.ml.trained import small_model
from tutormax.populations import Population


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def corrupt(root: Path, model_id: str) -> None:
    file = root / model_id / "churn_30d.ubj"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_without_a_model_the_rule_scores(connection: Connection, shelf: Shelf) -> None:
    assert shelf.scorer(connection, SYNTHETIC) is RULE


def test_a_model_scores_its_own_population_only(connection: Connection, shelf: Shelf, tmp_path: Path) -> None:
    synthetic = add_model(connection, tmp_path)

    assert shelf.scorer(connection, SYNTHETIC).model_id == synthetic.model_id
    assert shelf.scorer(connection, Population.CUSTOMER) is RULE


def test_a_model_is_loaded_once_and_replaced_when_the_champion_changes(
    connection: Connection, shelf: Shelf, tmp_path: Path
) -> None:
    add_model(connection, tmp_path)
    first = shelf.scorer(connection, SYNTHETIC)

    assert shelf.scorer(connection, SYNTHETIC) is first
    second = add_model(connection, tmp_path, model=small_model(seed=8), days=1)
    assert shelf.scorer(connection, SYNTHETIC).model_id == second.model_id


def test_a_champion_that_is_broken_lets_the_one_before_serve_on(
    connection: Connection, shelf: Shelf, tmp_path: Path
) -> None:
    add_model(connection, tmp_path)
    first = shelf.scorer(connection, SYNTHETIC)
    second = add_model(connection, tmp_path, days=1)
    corrupt(tmp_path, second.model_id)

    assert shelf.scorer(connection, SYNTHETIC) is first


def test_a_champion_that_was_mended_serves(connection: Connection, shelf: Shelf, tmp_path: Path) -> None:
    add_model(connection, tmp_path)
    shelf.scorer(connection, SYNTHETIC)
    second = add_model(connection, tmp_path, days=1)
    corrupt(tmp_path, second.model_id)
    shelf.scorer(connection, SYNTHETIC)

    corrupt(tmp_path, second.model_id)  # the same bit, turned back

    assert shelf.scorer(connection, SYNTHETIC).model_id == second.model_id


def test_a_broken_champion_with_nothing_before_it_in_memory_is_an_error(
    connection: Connection, shelf: Shelf, tmp_path: Path
) -> None:
    corrupt(tmp_path, add_model(connection, tmp_path).model_id)

    with pytest.raises(ArtefactError, match=r"churn_30d\.ubj is not what was published"):
        shelf.scorer(connection, SYNTHETIC)


def test_whoever_loads_a_champion_puts_the_link_right(connection: Connection, shelf: Shelf, tmp_path: Path) -> None:
    champion = add_model(connection, tmp_path)
    (tmp_path / SYNTHETIC / links.LATEST).unlink()

    shelf.scorer(connection, SYNTHETIC)

    assert links.target(tmp_path / SYNTHETIC) == champion.version
