"""The pages name tests that exist."""

import ast
import re

import pytest

from tests.faults.harness import ROOT

PAGES = ("deploy/security.md", "deploy/reliability.md")


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_page_names_exists(page: str) -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / page).read_text(encoding="utf-8")))

    assert len(named) > 15
    assert sorted(f"{path}::{name}" for path, name in named if name not in defined(path)) == []


def defined(path: str) -> set[str]:
    """Return the functions of a file; none where there is no such file."""
    place = ROOT / path
    tree = ast.parse(place.read_text(encoding="utf-8")) if place.exists() else ast.parse("")
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_each_of_the_sixteen_items_is_tried() -> None:
    rows = re.findall(r"^\| (\d+) \|.*\| (`tests/.*`) \|$", (ROOT / "deploy/security.md").read_text(), re.MULTILINE)

    assert [int(number) for number, _ in rows] == list(range(1, 17))
