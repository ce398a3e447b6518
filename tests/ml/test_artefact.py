"""A published model is there whole or not at all, and nothing that was changed is parsed."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import orjson
import pytest
from structlog.testing import capture_logs

from ml import artefact
from ml.artefact import Artefact, ArtefactError

AT = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
FILES = {"churn_30d.ubj": bytes(range(256)) * 4, "calibration.json": b'{"30": {"intercept": 0.1}}'}
VERSION = "20261121_020000"


@pytest.fixture
def published(tmp_path: Path) -> Artefact:
    return artefact.publish(tmp_path, AT, FILES, {"seed": 7})


class PowerCutError(Exception):
    """The process ends here."""


def cut_at(step: int) -> Callable[[str], None]:
    def cut(_: str, left: list[int] = [step]) -> None:  # noqa: B006 - counts across calls
        left[0] -= 1
        if left[0] < 0:
            raise PowerCutError

    return cut


def test_what_is_read_is_what_was_published(tmp_path: Path, published: Artefact) -> None:
    assert artefact.read(tmp_path, VERSION) == artefact.read(tmp_path, VERSION, published.manifest_sha256)
    assert artefact.read(tmp_path, VERSION).files == FILES
    assert artefact.read(tmp_path, VERSION).manifest["seed"] == 7


def test_two_models_of_one_second_get_two_versions(tmp_path: Path, published: Artefact) -> None:
    again = artefact.publish(tmp_path, AT, FILES, {})

    assert (published.version, again.version) == (VERSION, f"{VERSION}_2")
    assert artefact.versions(tmp_path) == [VERSION, f"{VERSION}_2"]


@pytest.mark.parametrize("step", range(len(FILES) + 3))
def test_a_publication_cut_short_is_not_seen_and_does_not_block_the_next(tmp_path: Path, step: int) -> None:
    with pytest.raises(PowerCutError):
        artefact.publish(tmp_path, AT, FILES, {}, cut_at(step))

    seen = artefact.versions(tmp_path)
    assert [artefact.read(tmp_path, version).files for version in seen] == [FILES] * len(seen)
    assert len(seen) == (1 if step == len(FILES) + 2 else 0)
    assert artefact.read(tmp_path, artefact.publish(tmp_path, AT, FILES, {}).version).files == FILES


@pytest.mark.parametrize("room", [0, 100, 1000])
def test_a_disk_that_takes_no_more_leaves_the_models_that_are_there(
    tmp_path: Path, published: Artefact, room: int
) -> None:
    source = f"""
import resource
from datetime import datetime, UTC
from pathlib import Path
from ml import artefact
resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))
artefact.publish(Path({str(tmp_path)!r}), datetime({AT.year}, {AT.month}, {AT.day}, tzinfo=UTC), {FILES!r}, {{}})
"""
    refused = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)

    assert refused.returncode == 1
    assert "File too large" in refused.stderr
    assert artefact.versions(tmp_path) == [VERSION]
    assert artefact.read(tmp_path, VERSION).files == FILES
    assert artefact.read(tmp_path, artefact.publish(tmp_path, AT, FILES, {}).version).files == FILES


def test_the_leavings_of_publications_cut_short_are_swept(tmp_path: Path) -> None:
    with pytest.raises(PowerCutError):
        artefact.publish(tmp_path, AT, FILES, {}, cut_at(1))
    published = artefact.publish(tmp_path, AT + timedelta(minutes=1), FILES, {})

    artefact.sweep(tmp_path)

    assert [entry.name for entry in tmp_path.iterdir()] == [published.version]


def test_what_cannot_be_swept_away_keeps_nothing_else_and_no_publication(tmp_path: Path) -> None:
    # No directory, so it cannot be removed as one.
    (tmp_path / ".tmp-20261120_020000").touch()
    (tmp_path / ".tmp-20261121_010000").mkdir()

    with capture_logs() as lines:
        artefact.sweep(tmp_path)

    assert [entry.name for entry in tmp_path.iterdir()] == [".tmp-20261120_020000"]
    assert [line["event"] for line in lines] == ["leftovers of a model not removed, the next training tries again"]


def test_an_old_model_that_cannot_be_removed_is_removed_the_next_time(tmp_path: Path) -> None:
    old, *kept = [f"{AT - timedelta(days=days):%Y%m%d_%H%M%S}" for days in (16, *range(15))]
    for version in (old, *kept, f".tmp-{old}/left"):
        (tmp_path / version).mkdir(parents=True)

    first, second = artefact.forget(tmp_path, set()), artefact.forget(tmp_path, set())

    assert old not in first
    assert old in second


def test_of_old_models_one_a_day_and_one_a_month_are_kept_and_those_that_serve(tmp_path: Path) -> None:
    nights = [AT - timedelta(days=days) for days in range(420)]
    for at in [*nights, AT - timedelta(hours=1)]:
        (tmp_path / f"{at:%Y%m%d_%H%M%S}").mkdir()

    gone = artefact.forget(tmp_path, {"20260102_020000"})

    kept = artefact.versions(tmp_path)
    assert kept[-14:] == sorted(f"{at:%Y%m%d_%H%M%S}" for at in nights[:14])
    assert kept[:-14] == [
        *("20251231_020000", "20260102_020000", "20260131_020000", "20260228_020000", "20260331_020000"),
        *("20260430_020000", "20260531_020000", "20260630_020000", "20260731_020000", "20260831_020000"),
        *("20260930_020000", "20261031_020000"),
    ]
    assert len(gone) + len(kept) == 421
    assert len(list(tmp_path.iterdir())) == len(kept)


@pytest.mark.parametrize("name", [*FILES, artefact.MANIFEST])
def test_a_flipped_byte_anywhere_is_found(tmp_path: Path, published: Artefact, name: str) -> None:
    file = tmp_path / VERSION / name
    whole = file.read_bytes()
    generator = np.random.default_rng(0)
    for position in generator.choice(len(whole), min(100, len(whole)), replace=False):
        flipped = bytearray(whole)
        flipped[position] ^= 0x10
        file.write_bytes(flipped)

        with pytest.raises(ArtefactError):
            artefact.read(tmp_path, VERSION, published.manifest_sha256)


@pytest.mark.parametrize("name", [*FILES, artefact.MANIFEST])
def test_a_truncated_file_is_found(tmp_path: Path, published: Artefact, name: str) -> None:
    file = tmp_path / VERSION / name
    file.write_bytes(file.read_bytes()[:-1])

    with pytest.raises(ArtefactError, match="SHA-256"):
        artefact.read(tmp_path, VERSION, published.manifest_sha256)


def test_a_missing_and_a_surplus_file_are_named(tmp_path: Path, published: Artefact) -> None:
    (tmp_path / VERSION / "calibration.json").rename(tmp_path / VERSION / "extra.json")

    with pytest.raises(ArtefactError, match=r"missing \['calibration.json'\], not expected \['extra.json'\]"):
        artefact.read(tmp_path, published.version)


def test_two_models_swapped_are_found(tmp_path: Path, published: Artefact) -> None:
    other = artefact.publish(tmp_path, AT, {**FILES, "churn_30d.ubj": b"another model"}, {})
    for source, target in ((VERSION, "aside"), (other.version, VERSION), ("aside", other.version)):
        (tmp_path / source).rename(tmp_path / target)

    with pytest.raises(ArtefactError, match="recorded was"):
        artefact.read(tmp_path, VERSION, published.manifest_sha256)
    with pytest.raises(ArtefactError, match="does not describe"):
        artefact.read(tmp_path, VERSION)


def test_a_link_out_of_the_directory_is_not_followed(tmp_path: Path, published: Artefact) -> None:
    directory = tmp_path / VERSION
    outside = tmp_path / "outside.ubj"
    (directory / "churn_30d.ubj").rename(outside)
    (directory / "churn_30d.ubj").symlink_to(outside)

    with pytest.raises(ArtefactError, match="cannot be read"):
        artefact.read(tmp_path, VERSION, published.manifest_sha256)


def test_a_directory_that_is_a_link_is_not_followed(tmp_path: Path, published: Artefact) -> None:
    (tmp_path / "20261122_020000").symlink_to(VERSION)

    with pytest.raises(ArtefactError, match="not a directory of its own"):
        artefact.read(tmp_path, "20261122_020000", published.manifest_sha256)


@pytest.mark.parametrize("version", ["", "..", "../models", "latest", "20261121", "20261121_020000/"])
def test_only_versions_are_looked_for(tmp_path: Path, version: str) -> None:
    with pytest.raises(ArtefactError, match="is not a version"):
        artefact.read(tmp_path, version)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"not json", b'{"files": 3}'])
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, published: Artefact, content: bytes) -> None:
    (tmp_path / VERSION / artefact.MANIFEST).write_bytes(content)

    with pytest.raises(ArtefactError):
        artefact.read(tmp_path, published.version)


def test_a_manifest_that_names_a_file_elsewhere_reads_nothing_there(tmp_path: Path, published: Artefact) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    manifest = tmp_path / VERSION / artefact.MANIFEST
    content = orjson.loads(manifest.read_bytes())
    content["files"]["../secret"] = {"sha256": "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"}
    manifest.write_bytes(orjson.dumps(content))

    with pytest.raises(ArtefactError, match="missing"):
        artefact.read(tmp_path, published.version)
