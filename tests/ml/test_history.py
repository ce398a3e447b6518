"""The memory of trainings cannot be rewritten unnoticed, and survives a torn line."""

from pathlib import Path

import pytest

from ml import history


@pytest.fixture
def remembered(tmp_path: Path) -> Path:
    for number in range(3):
        history.append(tmp_path, {"number": number})
    return tmp_path


def test_trainings_come_back_in_order(remembered: Path) -> None:
    assert [line["number"] for line in history.read(remembered)] == [0, 1, 2]
    assert history.broken_links(remembered) == []


def test_a_changed_line_is_told_by_the_one_after_it(remembered: Path) -> None:
    file = remembered / history.FILE
    file.write_bytes(file.read_bytes().replace(b'"number":1', b'"number":9'))

    assert history.broken_links(remembered) == [3]


def test_a_removed_line_is_told(remembered: Path) -> None:
    file = remembered / history.FILE
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + lines[2])

    assert history.broken_links(remembered) == [2]


def test_a_line_torn_by_a_crash_does_not_stop_the_next(remembered: Path) -> None:
    file = remembered / history.FILE
    file.write_bytes(file.read_bytes() + b'{"number":3,"prev')

    history.append(remembered, {"number": 4})

    assert [line["number"] for line in history.read(remembered)] == [0, 1, 2, 4]
    assert history.broken_links(remembered) == [4]


def test_nothing_is_remembered_of_nothing(tmp_path: Path) -> None:
    assert list(history.read(tmp_path)) == []
    assert history.broken_links(tmp_path) == []
