"""One champion a population, recorded before the links move, and a way back."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from ml import links, registry
from ml.gate import Decision
from ml.registry import ChampionChangedError, ModelStatus, NoPreviousModelError
from tests.ml.registered import SYNTHETIC, add_model, registered
from tests.ml.trained import AT
from tutormax import db
from tutormax.populations import Population
from tutormax.tables import audit_log, models


def statuses(connection: Connection) -> list[str]:
    rows = connection.execute(select(models.c.status).order_by(models.c.trained_at))
    return list(rows.scalars())


def test_a_promoted_model_is_champion_and_the_one_before_retires(connection: Connection, tmp_path: Path) -> None:
    assert registry.needed(connection, SYNTHETIC) == set()
    first = add_model(connection, tmp_path)
    second = add_model(connection, tmp_path, days=1)

    assert registry.champion(connection, SYNTHETIC) == second
    assert registry.needed(connection, SYNTHETIC) == {first.version, second.version}
    assert statuses(connection) == [ModelStatus.RETIRED, ModelStatus.CHAMPION]


@pytest.mark.parametrize("decision", [Decision.KEEP, Decision.REFUSE])
def test_a_model_that_is_not_promoted_is_recorded_and_changes_nothing(
    connection: Connection, tmp_path: Path, decision: Decision
) -> None:
    first = add_model(connection, tmp_path)
    add_model(connection, tmp_path, decision=decision, days=1)

    assert registry.champion(connection, SYNTHETIC) == first
    assert statuses(connection) == [ModelStatus.CHAMPION, ModelStatus.REJECTED]
    assert links.target(tmp_path / SYNTHETIC) == first.version


def test_populations_have_champions_of_their_own(connection: Connection, tmp_path: Path) -> None:
    synthetic = add_model(connection, tmp_path)
    customer = add_model(connection, tmp_path, population=Population.CUSTOMER)

    assert registry.champion(connection, SYNTHETIC) == synthetic
    assert registry.champion(connection, Population.CUSTOMER) == customer
    assert synthetic.version == customer.version


def test_the_links_move_with_the_commit_and_not_before(connection: Connection, tmp_path: Path) -> None:
    first = add_model(connection, tmp_path)
    directory = tmp_path / SYNTHETIC
    second = registered(SYNTHETIC, "20260616_020000", "0" * 64, AT.replace(day=16))

    registry.enter(connection, second, Decision.PROMOTE, reason="", metrics={}, met=first.model_id, directory=directory)

    assert links.target(directory) == first.version
    db.committed(connection)
    assert links.target(directory) == second.version
    assert links.target(directory, links.PREVIOUS) == first.version


def test_a_crash_before_the_links_moved_is_put_right(connection: Connection, tmp_path: Path) -> None:
    first = add_model(connection, tmp_path)
    second = registered(SYNTHETIC, "20260616_020000", "0" * 64, AT.replace(day=16))
    directory = tmp_path / SYNTHETIC
    registry.enter(connection, second, Decision.PROMOTE, reason="", metrics={}, met=first.model_id, directory=directory)
    db.rolled_back(connection)

    assert registry.align_links(connection, second, directory)

    assert links.target(directory) == second.version
    assert not registry.align_links(connection, second, directory)


def test_a_model_that_met_another_champion_is_not_entered(connection: Connection, tmp_path: Path) -> None:
    first = add_model(connection, tmp_path)
    late = registered(SYNTHETIC, "20260616_020000", "0" * 64, AT.replace(day=16))

    with pytest.raises(ChampionChangedError, match=f"met None, but .*{first.version}"):
        registry.enter(connection, late, Decision.PROMOTE, reason="", metrics={}, met=None, directory=tmp_path)


def test_the_one_before_serves_again_with_an_audit_row(connection: Connection, tmp_path: Path) -> None:
    first, second, third = (add_model(connection, tmp_path, days=days) for days in range(3))
    directory = tmp_path / SYNTHETIC

    back = registry.roll_back(connection, SYNTHETIC, who="ops", reason="scores jumped", directory=directory)
    db.committed(connection)

    assert back == second == registry.champion(connection, SYNTHETIC)
    assert (links.target(directory), links.target(directory, links.PREVIOUS)) == (second.version, first.version)
    row = connection.execute(select(audit_log).where(audit_log.c.action == "roll back model")).one()
    assert (row.who, row.subject, row.reason) == ("ops", second.model_id, "scores jumped")
    assert row.details == {"instead_of": third.model_id}
    left = connection.execute(select(models).where(models.c.model_id == third.model_id)).one()
    assert (left.status, left.reason) == (ModelStatus.REJECTED, "rolled back by ops: scores jumped")


def test_a_model_that_was_rolled_back_is_passed_over_by_later_roll_backs(
    connection: Connection, tmp_path: Path
) -> None:
    directory = tmp_path / SYNTHETIC
    first, second, bad = (add_model(connection, tmp_path, days=days) for days in range(3))
    assert registry.roll_back(connection, SYNTHETIC, who="ops", reason="bad", directory=directory) == second
    fourth = add_model(connection, tmp_path, days=3)
    assert registry.needed(connection, SYNTHETIC) == {fourth.version, second.version}
    assert bad not in registry.champions_before(connection, fourth, most=3)

    back = registry.roll_back(connection, SYNTHETIC, who="ops", reason="bad too", directory=directory)
    db.committed(connection)

    assert back == second
    assert links.target(directory, links.PREVIOUS) == first.version


def test_a_model_that_was_rolled_back_serves_again_if_it_is_named(connection: Connection, tmp_path: Path) -> None:
    directory = tmp_path / SYNTHETIC
    first, second = (add_model(connection, tmp_path, days=days) for days in range(2))
    registry.roll_back(connection, SYNTHETIC, who="ops", reason="scores jumped", directory=directory)

    registry.promote(connection, second.model_id, who="ops", reason="they were right", directory=directory)

    assert registry.champion(connection, SYNTHETIC) == second
    assert registry.champions_before(connection, second, most=3) == [first]


def test_who_names_an_older_model_goes_back_from_the_one_that_serves(connection: Connection, tmp_path: Path) -> None:
    directory = tmp_path / SYNTHETIC
    first, *_ = [add_model(connection, tmp_path, days=days) for days in range(3)]
    registry.promote(connection, first.model_id, who="ops", reason="scores jumped", directory=directory)
    fourth = add_model(connection, tmp_path, days=3)

    assert registry.needed(connection, SYNTHETIC) == {fourth.version, first.version}
    assert registry.roll_back(connection, SYNTHETIC, who="ops", reason="bad too", directory=directory) == first


def test_who_names_an_older_model_gives_up_none_before_it_and_no_other_populations(
    connection: Connection, tmp_path: Path
) -> None:
    before, chosen, _ = (add_model(connection, tmp_path, days=days) for days in range(3))
    theirs, _ = (add_model(connection, tmp_path, population=Population.CUSTOMER, days=days) for days in (3, 4))

    registry.promote(connection, chosen.model_id, who="ops", reason="scores jumped", directory=tmp_path / SYNTHETIC)

    for population, back in ((SYNTHETIC, before), (Population.CUSTOMER, theirs)):
        directory = tmp_path / population
        assert registry.roll_back(connection, population, who="ops", reason="bad", directory=directory) == back


def test_the_first_model_has_nothing_to_go_back_to(connection: Connection, tmp_path: Path) -> None:
    add_model(connection, tmp_path)

    with pytest.raises(NoPreviousModelError, match="no model before synthetic/20260615_020000"):
        registry.roll_back(connection, SYNTHETIC, who="ops", reason="", directory=tmp_path)
