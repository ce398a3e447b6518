"""`python -m tutormax export` and `erase`: all of it as JSON, and nothing gone without a yes."""

import json

import pytest
from sqlalchemy import select

from tests.factories import add_organization, add_tutor
from tests.test_personal_data import known_tutor
from tutormax import db
from tutormax.__main__ import main
from tutormax.tables import tutors


@pytest.fixture(autouse=True)
def tutor(database: str) -> int:
    """A tutor with rows everywhere."""
    assert database
    with db.transaction() as connection:
        return known_tutor(connection, "t-1")


def test_an_export_is_one_json_document_of_all_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "t-1", "--json"]) == 0

    held = json.loads(capsys.readouterr().out)
    assert held["tutors"][0]["external_id"] == "t-1"
    assert all(len(held[name]) == 1 for name in ("sessions", "churn_predictions", "feature_snapshots"))


def test_an_erasure_without_a_yes_only_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["erase", "t-1", "--reason", "asked for it", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["done"], told["rows"]["tutors"]) == (False, 1)
    assert (told["tutor"]["external_id"], told["tutor"]["name"]) == ("t-1", "Ann Example")
    assert main(["tutor", "t-1"]) == 0


def test_after_an_erasure_the_tutor_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["erase", "t-1", "--reason", "asked for it", "--yes"]) == 0
    assert "Removed" in capsys.readouterr().out

    assert main(["export", "t-1", "--json"]) == 1
    assert "there is no tutor 't-1'" in capsys.readouterr().err


@pytest.fixture
def numbered(tutor: int) -> int:
    """A tutor whom another customer calls by the number that we gave the first."""
    with db.transaction() as connection:
        return add_tutor(
            connection,
            organization=add_organization(connection, name="[Acme]"),
            external_id=str(tutor),
            name="Bea Example",
        )


def left() -> set[int]:
    with db.transaction() as connection:
        return set(connection.execute(select(tutors.c.tutor_id)).scalars())


def test_a_bare_number_is_the_customers_and_never_ours(tutor: int, numbered: int) -> None:
    assert main(["erase", str(tutor), "--reason", "asked for it", "--yes"]) == 0

    assert (tutor in left(), numbered in left()) == (True, False)


def test_our_number_has_a_spelling_of_its_own(tutor: int, numbered: int) -> None:
    assert main(["erase", f"#{tutor}", "--reason", "asked for it", "--yes"]) == 0

    assert (tutor in left(), numbered in left()) == (False, True)


@pytest.mark.parametrize("command", [["export"], ["erase", "--reason", "asked for it", "--yes"]])
def test_who_gives_our_number_bare_is_told_how_to_write_it(
    tutor: int, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, str(tutor)]) == 1

    assert f"if you mean our number, say '#{tutor}'" in " ".join(capsys.readouterr().err.split())
    assert tutor in left()


def test_our_number_is_not_taken_for_a_customers_id_that_looks_like_one(capsys: pytest.CaptureFixture[str]) -> None:
    with db.transaction() as connection:
        other = add_tutor(connection, external_id="#999")

    assert main(["erase", "#999", "--reason", "asked for it", "--yes"]) == 1

    assert f"calls our #{other}" in " ".join(capsys.readouterr().err.split())
    assert other in left()


def test_a_customers_id_may_be_a_number_too_large_to_be_ours() -> None:
    with db.transaction() as connection:
        tutor = add_tutor(connection, external_id="20260615120000")

    assert main(["tutor", "20260615120000"]) == 0
    assert main(["erase", "20260615120000", "--reason", "asked for it", "--yes"]) == 0

    assert tutor not in left()


@pytest.mark.parametrize("yes", [[], ["--yes"]], ids=["before", "after"])
def test_an_erasure_says_whose_rows_they_are(yes: list[str], numbered: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["erase", f"#{numbered}", "--reason", "asked for it", *yes]) == 0

    told = " ".join(capsys.readouterr().out.split())
    assert f"(Bea Example) of [Acme], our #{numbered}" in told


def test_an_erasure_needs_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["erase", "t-1", "--yes"])

    assert ended.value.code == 2
    assert "--reason" in capsys.readouterr().err
