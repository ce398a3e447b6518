"""A published model on disk: a directory that is there whole or not at all, and is hashed before anything parses it.

    output/models/<population>/20261121_020000/     one model: boosters (UBJ), JSON, and manifest.json, written last
    output/models/<population>/churn_model_latest   a link to the champion's directory
    output/models/<population>/previous             a link to the champion before it
    output/models/<population>/training_history.jsonl

Synthetic and customer models live apart, each with its own links. A model's name is its path below the root,
like `synthetic/20261121_020000`. Nothing is pickled.
"""

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import orjson

from tutormax import failpoints, log
from tutormax.errors import PermanentError, TransientError
from tutormax.failpoints import Failpoint

_log = log.get(__name__)

MANIFEST = "manifest.json"
UNFINISHED = ".tmp-"
VERSION = re.compile(r"\d{8}_\d{6}(_\d+)?")
LARGEST_FILE = 64 * 1024 * 1024

# What is wrong with one file and not with the place where it lies.
WRONG_FILES = frozenset({errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.ENXIO})

# How long files are kept of models that neither serve nor served before: 20261121_020000 by its digits.
DAY_DIGITS, DAYS_KEPT = 8, 14
MONTH_DIGITS, MONTHS_KEPT = 6, 12

Json = Mapping[str, object]


class ArtefactError(PermanentError):
    """A published model is not what was published; it is not parsed."""


class StoreUnavailableError(TransientError):
    """The directory of the models cannot be reached; what is in it may be as right as ever."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """The verified bytes of one published model."""

    version: str
    files: Mapping[str, bytes]
    manifest: Json
    manifest_sha256: str

    def json(self, name: str) -> dict[str, object]:
        """Return one of its JSON files."""
        return _object(name, self.files[name])


def publish(
    directory: Path,
    at: datetime,
    files: Mapping[str, bytes],
    facts: Json,
    step: Callable[[str], None] = lambda _: None,
) -> Artefact:
    """Write a model under the version of an instant; a reader sees nothing of it before it is complete and on disk.

    Whatever stops it in the middle leaves a `.tmp-` directory that no reader looks at. `step` is told of each step.
    """
    directory.mkdir(parents=True, exist_ok=True)
    version = _reserved(directory, at)
    unfinished = directory / (UNFINISHED + version)
    step("reserved")
    for name, content in files.items():
        _write(unfinished / name, content)
        step(name)
    manifest = {"version": version, **facts, "files": {name: _seal(content) for name, content in files.items()}}
    content = orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
    _write(unfinished / MANIFEST, content)
    step(MANIFEST)
    _sync(unfinished)
    failpoints.reach(Failpoint.BEFORE_RENAME)
    unfinished.rename(directory / version)
    failpoints.reach(Failpoint.AFTER_RENAME)
    step("renamed")
    _sync(directory)
    return Artefact(version, files, manifest, hashlib.sha256(content).hexdigest())


def read(directory: Path, version: str, manifest_sha256: str | None = None) -> Artefact:
    """Return a model's bytes, each file hashed as read.

    Raises ArtefactError on the first thing that is not right, StoreUnavailableError where the place is not there.
    """
    try:
        return _verified(directory, version, manifest_sha256)
    except OSError as error:
        raise StoreUnavailableError(f"{directory} cannot be read: {error.strerror or error}") from error


def _verified(directory: Path, version: str, manifest_sha256: str | None) -> Artefact:
    if not VERSION.fullmatch(version):
        raise ArtefactError(f"{version!r} is not a version; one looks like 20261121_020000")
    place = directory / version
    # A share that is not mounted looks empty; a model that was removed from one leaves the others.
    if not directory.is_dir():
        raise StoreUnavailableError(f"{directory} is not there: is the path mounted?")
    if place.is_symlink() or not place.is_dir():
        raise ArtefactError(f"{place} is not a directory of its own")
    content = _read(place / MANIFEST)
    found = hashlib.sha256(content).hexdigest()
    if manifest_sha256 not in {None, found}:
        raise ArtefactError(f"{place / MANIFEST} has SHA-256 {found}, recorded was {manifest_sha256}")
    manifest = _object(MANIFEST, content)
    sealed = manifest.get("files")
    if not isinstance(sealed, dict) or manifest.get("version") != version:
        raise ArtefactError(f"{place / MANIFEST} does not describe {version}")
    present = {entry.name for entry in place.iterdir()} - {MANIFEST}
    if present != sealed.keys():
        raise ArtefactError(
            f"{place}: missing {sorted(sealed.keys() - present)}, not expected {sorted(present - sealed.keys())}"
        )
    return Artefact(version, {name: _checked(place / name, seal) for name, seal in sealed.items()}, manifest, found)


def sweep(directory: Path) -> None:
    """Remove what publications that were cut short left; the caller holds the lock that allows one at a time.

    What cannot be removed is logged, and left to the next sweep.
    """
    for unfinished in directory.glob(UNFINISHED + "*"):
        try:
            shutil.rmtree(unfinished)
        except OSError as error:
            _log.warning("leftovers of a model not removed, the next training tries again", error=str(error))


def forget(directory: Path, needed: Collection[str]) -> list[str]:
    """Remove the files of old models, and return their versions; the rows about them stay.

    The newest of each of the last 14 days and of the last 12 months with one are kept, and those needed; so are, until
    the next time, those that cannot be removed.
    """
    there = versions(directory)
    kept = {
        *needed,
        *_newest_of_each(there, DAY_DIGITS)[-DAYS_KEPT:],
        *_newest_of_each(there, MONTH_DIGITS)[-MONTHS_KEPT:],
    }
    gone = [version for version in there if version not in kept and _hidden(directory, version)]
    sweep(directory)
    return gone


def _hidden(directory: Path, version: str) -> bool:
    """Take a version out of every reader's sight at once; return whether that could be done."""
    try:
        (directory / version).rename(directory / (UNFINISHED + version))
    except OSError as error:
        _log.warning("files of an old model not removed, the next training tries again", error=str(error))
        return False
    return True


def _newest_of_each(there: Sequence[str], digits: int) -> list[str]:
    return list({version[:digits]: version for version in there}.values())


def versions(directory: Path) -> list[str]:
    """Return the versions published there, oldest first."""
    if not directory.is_dir():
        return []
    return sorted(entry.name for entry in directory.iterdir() if VERSION.fullmatch(entry.name))


def _reserved(directory: Path, at: datetime) -> str:
    stamp = f"{at.astimezone(UTC):%Y%m%d_%H%M%S}"
    for attempt in count(1):
        version = stamp if attempt == 1 else f"{stamp}_{attempt}"
        if (directory / version).exists():
            continue
        try:
            (directory / (UNFINISHED + version)).mkdir()
        except FileExistsError:
            continue
        return version
    raise AssertionError("count() ended")


def _seal(content: bytes) -> dict[str, object]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def _checked(path: Path, seal: Json) -> bytes:
    content = _read(path)
    if _seal(content) != seal:
        raise ArtefactError(f"{path} is not what was published: its SHA-256 is {_seal(content)['sha256']}")
    return content


def _read(path: Path) -> bytes:
    # Not through a link, and once: the bytes that are hashed are the bytes that are parsed.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in WRONG_FILES:
            raise
        raise ArtefactError(f"{path} cannot be read: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ArtefactError(f"{path} is larger than {LARGEST_FILE} bytes")
    return content


def _object(name: str, content: bytes) -> dict[str, object]:
    try:
        parsed = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ArtefactError(f"{name} is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise ArtefactError(f"{name} is not a JSON object")
    return parsed


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
