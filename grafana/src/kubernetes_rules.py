"""The rules as the Prometheus operator reads them: one object made of the files that Prometheus itself loads."""

from pathlib import Path
from typing import Any

import yaml

HEAD = """\
# Made of deploy/prometheus/rules by `python -m grafana.src`; edit those.
"""


def text(rules: Path) -> str:
    """Return the PrometheusRule of every group in a directory of rule files."""
    groups = [group for path in sorted(rules.glob("*.yml")) for group in yaml.safe_load(path.read_text())["groups"]]
    document: dict[str, Any] = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "tutormax"},
        "spec": {"groups": groups},
    }
    dumped: str = yaml.safe_dump(document, sort_keys=False, width=120, allow_unicode=True)
    return HEAD + dumped
