"""`python -m tutormax export` and `erase`: all of it as JSON, and nothing gone without a yes."""

import json

import pytest

from tests.test_personal_data import known_tutor
from tutormax import db
from tutormax.__main__ import main


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
    assert main(["tutor", "t-1"]) == 0


def test_after_an_erasure_the_tutor_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["erase", "t-1", "--reason", "asked for it", "--yes"]) == 0
    assert "Removed" in capsys.readouterr().out

    assert main(["export", "t-1", "--json"]) == 1
    assert "there is no tutor 't-1'" in capsys.readouterr().err


def test_an_erasure_needs_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["erase", "t-1", "--yes"])

    assert ended.value.code == 2
    assert "--reason" in capsys.readouterr().err
