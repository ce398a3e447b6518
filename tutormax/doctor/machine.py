"""This machine: its interpreter and libraries, what it was told by the environment, its disk."""

import difflib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import tutormax
from tutormax import __version__, servers, settings
from tutormax.doctor.finding import Finding, fault, first_line, warning, well
from tutormax.settings import Settings

OLDEST_PYTHON, FIRST_TOO_NEW_PYTHON = (3, 11), (3, 14)
LOCK = Path(tutormax.__file__).parents[1] / "requirements.lock"
PINNED = re.compile(r"^([\w.-]+)==([\w.]+) \\$", re.MULTILINE)

PREFIXES = ("TUTORMAX_", "WORKER_", "DRAMATIQ_")
# Read by Dramatiq itself.
NOT_OURS = frozenset({"DRAMATIQ_WORKER_ID"})
# Other programs have variables that begin so as well (POSTGRES_INITDB_ARGS, REDIS_USER): told is of what is as like
# one of ours as REDIS_URI is to REDIS_URL.
SERVERS = ("DATABASE_", "REDIS_", "POSTGRES_")
ALIKE = 0.86

MEGABYTE = 1024 * 1024
# A model and its report are a few megabytes, a log that nobody rotates is not.
SCARCE_BYTES = 1024 * MEGABYTE
FULL_BYTES = 100 * MEGABYTE


def versions(lock: Path = LOCK, python: tuple[int, ...] = sys.version_info[:3]) -> Iterator[Finding]:
    """Look at the interpreter, and at the libraries where the lock file lies beside the code."""
    said = f"TutorMax {__version__}, Python {'.'.join(map(str, python))}"
    if not OLDEST_PYTHON <= python[:2] < FIRST_TOO_NEW_PYTHON:
        yield fault("versions", said, "run it with Python 3.11, 3.12 or 3.13")
    else:
        yield well("versions", said)
    if lock.is_file():
        yield _libraries(dict(PINNED.findall(lock.read_text())))


def _libraries(locked: Mapping[str, str]) -> Finding:
    found = {name: _installed(name) for name in locked}
    missing = [name for name in locked if found[name] is None]
    others = [f"{name} {found[name]}, not {locked[name]}" for name in locked if found[name] not in {None, locked[name]}]
    remedy = "make install, or pip install --no-deps --require-hashes -r requirements.lock"
    if missing:
        return fault("libraries", f"not installed: {', '.join(missing)}", remedy)
    if others:
        return warning("libraries", f"not those that were tested: {'; '.join(others)}", remedy)
    return well("libraries", f"{len(locked)} as locked")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def misspelt(environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Look for variables that look like settings of ours and are none."""
    said = "is none of ours and changes nothing"
    known = {settings.variable_of(name) for name in Settings.model_fields}
    known |= {f"{name}_FILE" for name in known} | NOT_OURS
    servers_named = [name for name in known if name.startswith(SERVERS)]
    for name in sorted(environment):
        if name.startswith(PREFIXES) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            meant = f"it may mean {close[0]}" if close else "python -m tutormax settings lists all that there are"
            yield warning(f"setting {name}", said, f"unset it; {meant}")
        elif name not in known and (close := difflib.get_close_matches(name, servers_named, n=1, cutoff=ALIKE)):
            yield warning(f"setting {name}", said, f"it may mean {close[0]}; leave it if another program reads it")


def disk(limits: Settings, *, scarce: int = SCARCE_BYTES, full: int = FULL_BYTES) -> Iterator[Finding]:
    """Look whether there is room where files are written, and the right to write them."""
    places = {"models": limits.model_save_path, "temporary files": Path(tempfile.gettempdir())}
    if servers.is_embedded(limits) or limits.external_broker_url is None:
        places["embedded servers"] = limits.data_dir
    for what, place in places.items():
        yield _place(f"disk for {what}", place, scarce, full)


def _place(name: str, place: Path, scarce: int, full: int) -> Finding:
    there = next(parent for parent in (place, *place.absolute().parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        return fault(name, f"{place}: {first_line(error)}", f"let {_who()} write there, or name another directory")
    said = f"{place}: {free // MEGABYTE:,} MB free"
    if free < full:
        return fault(name, said, "make room: training and logging are about to fail")
    if free < scarce:
        return warning(name, said, "make room, or give it a larger disk")
    return well(name, said)


def _who() -> str:
    return f"user {os.geteuid()}"
