"""The developers' page is worked through: its patches apply to the tree as it is, and do what the page says."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.factories import add_event, add_session, add_tutor
from tests.faults.harness import eventually, free_port
from tutormax import db, partitions, schema

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "deploy" / "developers.md"
TREE = ("tutormax", "actors", "schedules", "ml", "pyproject.toml")
NOW = datetime.now(UTC)

FEATURE = """
import json
from datetime import UTC, datetime
from ml.features.build import Spine, build
from ml.features.catalogue import NAMES
from tutormax import db
with db.transaction() as connection:
    features = build(connection, Spine.at([{tutor}], datetime.now(UTC)))
print(json.dumps(dict(zip(NAMES, features.values[0].tolist()))))
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The tree with the patches of the page."""
    for name in TREE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    patches = re.findall(r"^```diff\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(patches) == 4
    for patch in patches:
        known = patch.replace("NEWEST", schema.revisions()[-1])
        done = subprocess.run(
            ["git", "apply", "--verbose", "-"],  # noqa: S607 - whatever git there is
            cwd=tmp_path,
            input=known,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    return tmp_path


def python(copy: Path, *arguments: str) -> str:
    """Run python in the copy; return what it prints."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=copy, env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def tutor(database: str) -> int:
    """A tutor who taught today and logged in three times, the last time a week and a half ago; another is silent."""
    assert database
    with db.transaction() as connection:
        partitions.ensure(connection, NOW - timedelta(days=120), NOW)
        silent, teaches = (add_tutor(connection, joined_at=NOW - timedelta(days=100)) for _ in range(2))
        start = NOW - timedelta(hours=3)
        add_session(connection, teaches, scheduled_start=start)
        add_session(connection, silent, scheduled_start=NOW - timedelta(days=40))
        for days in (10, 11, 20):
            add_event(connection, teaches, "login", event_time=NOW - timedelta(days=days))
    return teaches


@pytest.fixture
def worker(copy: Path, tutor: int) -> Iterator[int]:
    """A worker of the copy; the port of its metrics."""
    assert tutor
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "dramatiq", "actors", "-p", "1", "-t", "1", "-Q", "default"],
        cwd=copy,
        env=os.environ | {"TUTORMAX_METRICS_PORTS": str(port)},
        stderr=subprocess.DEVNULL,
    )
    yield port
    process.terminate()
    process.wait(30)


def metric(port: int, name: str) -> float | None:
    """Return a metric that a process exports."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/metrics")
        said = connection.getresponse().read().decode()
    except OSError:
        return None
    finally:
        connection.close()
    found = re.search(rf"^{name} (\S+)$", said, re.MULTILINE)
    return None if found is None else float(found[1])


def test_the_worked_examples_work(copy: Path, worker: int, tutor: int) -> None:
    python(copy, "-m", "tutormax", "migrate")

    said = python(copy, "-m", "tutormax.enqueue", "count_silent_tutors", "--days", "14", "--wait", "--json")
    listed = python(copy, "-m", "schedules", "--list")
    page = python(copy, "-m", "tutormax", "metrics", "--markdown")
    features = json.loads(python(copy, "-c", FEATURE.format(tutor=tutor)))

    assert json.loads(said)["result"] == {"tutors": 1}
    assert re.search(r"silence .*05:30", listed)
    assert "| `tutormax_silent_tutors` | gauge |" in page
    eventually(lambda: metric(worker, "tutormax_silent_tutors") == 1)
    assert (features["logins_7d"], features["logins_14d"], features["logins_30d"]) == (0, 2, 3)


def test_the_patches_keep_the_rules_of_the_house(copy: Path) -> None:
    for rule in (("ruff", "check", "."), ("ruff", "format", "--check", ".")):
        done = subprocess.run([sys.executable, "-m", *rule], cwd=copy, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
