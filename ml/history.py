"""The memory of every training: one line each, and each line holds the hash of the one before."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import orjson

from ml.artefact import Json

FILE = "training_history.jsonl"


def append(directory: Path, line: Json) -> None:
    """Add one training to the end; the caller holds the lock that allows one training at a time."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / FILE
    lines = _lines(path)
    content = orjson.dumps({**line, "previous": _hash(lines[-1]) if lines else None}) + b"\n"
    # A line torn by a crash stays, ended here: what follows still vouches for its bytes.
    torn = bool(lines) and not path.read_bytes().endswith(b"\n")
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, (b"\n" if torn else b"") + content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(directory: Path) -> Iterator[dict[str, object]]:
    """Yield the trainings, oldest first; a torn line is passed over."""
    for line in _lines(directory / FILE):
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError:
            continue


def broken_links(directory: Path) -> list[int]:
    """Return the numbers (from 1) of the lines that do not vouch for the line before them."""
    lines = _lines(directory / FILE)
    return [number for number in range(1, len(lines) + 1) if not _vouches(lines, number)]


def _vouches(lines: list[bytes], number: int) -> bool:
    try:
        previous = orjson.loads(lines[number - 1])["previous"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return False
    return bool(previous == (_hash(lines[number - 2]) if number > 1 else None))


def _lines(path: Path) -> list[bytes]:
    return [line for line in path.read_bytes().split(b"\n") if line] if path.exists() else []


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
