"""What scores a population: its champion once loaded, the one before if that cannot be, the rule if there is none."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection

from ml import links, registry
from ml.gate import Decision
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


def test_a_model_that_was_rolled_back_serves_no_more_though_it_is_in_memory(
    connection: Connection, shelf: Shelf, tmp_path: Path
) -> None:
    before, bad = add_model(connection, tmp_path), add_model(connection, tmp_path, days=1)
    assert shelf.scorer(connection, SYNTHETIC).model_id == bad.model_id
    corrupt(tmp_path, before.model_id)

    registry.roll_back(connection, SYNTHETIC, who="ops", reason="bad", directory=tmp_path / SYNTHETIC)

    scorer = shelf.scorer(connection, SYNTHETIC)
    assert (scorer.model, scorer.instead_of) == (RULE.model, before.model_id)


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

    serving = shelf.scorer(connection, SYNTHETIC)

    assert (serving.model_id, serving.model) == (first.model_id, first.model)
    assert serving.instead_of == second.model_id


def test_a_champion_that_was_mended_serves(connection: Connection, shelf: Shelf, tmp_path: Path) -> None:
    add_model(connection, tmp_path)
    shelf.scorer(connection, SYNTHETIC)
    second = add_model(connection, tmp_path, days=1)
    corrupt(tmp_path, second.model_id)
    shelf.scorer(connection, SYNTHETIC)

    corrupt(tmp_path, second.model_id)  # the same bit, turned back

    mended = shelf.scorer(connection, SYNTHETIC)
    assert (mended.model_id, mended.instead_of) == (second.model_id, None)


def truncated(champion: Path, earlier: Path) -> None:
    file = champion / "churn_7d.ubj"
    file.write_bytes(file.read_bytes()[:-1])


def without_a_file(champion: Path, earlier: Path) -> None:
    (champion / "calibration.json").unlink()


def with_a_file_of_another(champion: Path, earlier: Path) -> None:
    shutil.copy(earlier / "churn_30d.ubj", champion / "churn_30d.ubj")


def older(champion: Path, earlier: Path) -> None:
    """Put all files of an earlier model in its place, manifest and all, under its name."""
    shutil.copytree(earlier, champion, dirs_exist_ok=True)
    manifest = champion / "manifest.json"
    manifest.write_text(manifest.read_text().replace(earlier.name, champion.name))


def linked_file(champion: Path, earlier: Path) -> None:
    file = champion / "churn_30d.ubj"
    file.rename(champion.parent / "elsewhere")
    file.symlink_to(champion.parent / "elsewhere")


def linked_directory(champion: Path, earlier: Path) -> None:
    champion.rename(champion.parent / "elsewhere")
    champion.symlink_to("elsewhere")


def gone(champion: Path, earlier: Path) -> None:
    shutil.rmtree(champion)


def flipped(champion: Path, earlier: Path) -> None:
    corrupt(champion.parents[1], f"{champion.parent.name}/{champion.name}")


FAULTS = [flipped, truncated, without_a_file, with_a_file_of_another, older, linked_file, linked_directory, gone]


@pytest.mark.parametrize("fault", FAULTS)
def test_after_a_restart_a_broken_champion_leaves_its_place_to_the_model_before(
    connection: Connection, shelf: Shelf, tmp_path: Path, fault: Callable[[Path, Path], None]
) -> None:
    earlier = add_model(connection, tmp_path, model=small_model(seed=8))
    broken = add_model(connection, tmp_path, days=1)
    fault(tmp_path / broken.model_id, tmp_path / earlier.model_id)

    for _ in range(2):  # loaded, then in memory
        serving = shelf.scorer(connection, SYNTHETIC)

        assert (serving.model_id, serving.instead_of) == (earlier.model_id, broken.model_id)


def test_what_served_longer_ago_is_tried_as_well_and_what_was_refused_is_not(
    connection: Connection, shelf: Shelf, tmp_path: Path
) -> None:
    oldest = add_model(connection, tmp_path)
    corrupt(tmp_path, add_model(connection, tmp_path, days=1).model_id)
    add_model(connection, tmp_path, days=2, decision=Decision.REFUSE)
    corrupt(tmp_path, add_model(connection, tmp_path, days=3).model_id)

    assert shelf.scorer(connection, SYNTHETIC).model_id == oldest.model_id


def test_where_no_model_can_be_loaded_the_rule_serves(connection: Connection, shelf: Shelf, tmp_path: Path) -> None:
    broken = add_model(connection, tmp_path)
    corrupt(tmp_path, broken.model_id)

    serving = shelf.scorer(connection, SYNTHETIC)

    assert (serving.model_id, serving.instead_of) == (RULE.model_id, broken.model_id)


def test_whoever_loads_a_champion_puts_the_link_right(connection: Connection, shelf: Shelf, tmp_path: Path) -> None:
    champion = add_model(connection, tmp_path)
    (tmp_path / SYNTHETIC / links.LATEST).unlink()

    shelf.scorer(connection, SYNTHETIC)

    assert links.target(tmp_path / SYNTHETIC) == champion.version
