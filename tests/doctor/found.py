"""What the doctor found, by name."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tutormax.doctor import Finding, Level

ROOT = Path(__file__).parents[2]


def found(findings: Iterable[Finding]) -> dict[str, Finding]:
    """Return findings by name; whatever is not well must have a remedy."""
    by_name = {finding.name: finding for finding in findings}
    assert all(bool(each.remedy) is (each.level is not Level.WELL) for each in by_name.values())
    return by_name


def said(**environment: str) -> tuple[dict[str, Any], int]:
    """Run the command; return what it says by name, and its exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "tutormax", "doctor", "--json"],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return {each["name"]: each for each in json.loads(done.stdout)}, done.returncode
