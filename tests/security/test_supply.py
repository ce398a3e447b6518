"""What is installed is what was locked, byte for byte."""

import re

import pytest

from tests.faults.harness import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock")


def entries(lock: str) -> list[str]:
    """Return each requirement with the lines that belong to it."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return [entry for entry in re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE) if re.match(r"\w", entry)]


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_that_is_installed_is_pinned_by_its_hash(lock: str) -> None:
    found = entries(lock)

    assert len(found) > 40
    assert [entry for entry in found if not re.match(r"[\w.\[\]-]+==\S+ \\\n +--hash=sha256:[0-9a-f]{64}", entry)] == []
    assert "--require-hashes -r requirements-dev.lock" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_a_place_to_download_from(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")

    assert re.findall(r"https?://|--index-url|--find-links|--trusted-host|git\+|file:", text) == []


def test_what_is_served_is_locked_as_what_is_tested() -> None:
    served, tested = ({entry.partition(" ")[0] for entry in entries(lock)} for lock in LOCKS)

    assert served <= tested
