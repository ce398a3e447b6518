"""Model artefacts: the files of whoever serves, or would after a roll-back, are those that were published."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Row

from tutormax import queries
from tutormax.doctor.finding import Finding, fault, first_line, warning, well

MANIFEST = "manifest.json"


def examine(connection: Connection, root: Path) -> Iterator[Finding]:
    """Hash the files of every champion and of the champion before it."""
    rows = connection.execute(queries.load("doctor/models_needed")).all()
    if not rows:
        yield well("models", "none has been trained yet: tutors are scored by the rule")
    for row in rows:
        yield _model(row, root)


def _model(row: Row[Any], root: Path) -> Finding:
    name = f"model {row.model_id}"
    try:
        wrong = _wrong(root / row.model_id, row.manifest_sha256)
    except (OSError, ValueError, LookupError) as error:
        wrong = first_line(error)
    if wrong is None:
        return well(name, f"{row.status}, every file is the one that was published")
    if row.status == "champion":
        remedy = (
            "restore its directory from the backup (deploy/backup.md), or let another serve: "
            f"python -m tutormax models rollback --population {row.population} --reason ..."
        )
        return fault(name, f"serves, and {wrong}", remedy)
    return warning(name, f"could not serve after a roll-back: {wrong}", "restore its directory from the backup")


def _wrong(place: Path, manifest_sha256: str) -> str | None:
    content = (place / MANIFEST).read_bytes()
    if hashlib.sha256(content).hexdigest() != manifest_sha256:
        return f"{place / MANIFEST} is not the one that was recorded"
    for name, seal in orjson.loads(content)["files"].items():
        if hashlib.sha256((place / name).read_bytes()).hexdigest() != seal["sha256"]:
            return f"{place / name} is not what was published"
    return None
