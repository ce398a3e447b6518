"""`python -m grafana.src`: writes dashboards and generated rules where they are loaded from."""

import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path

import orjson

from grafana.src import kubernetes_rules, slo_rules
from grafana.src.dashboards import ALL
from grafana.src.render import dashboard

ROOT = Path(__file__).parents[2]
DASHBOARDS = ROOT / "grafana" / "dashboards"
RULES = ROOT / "deploy" / "prometheus" / "rules"
PROMETHEUS_RULE = ROOT / "deploy" / "kubernetes" / "monitoring" / "prometheusrule.yml"


def files() -> Mapping[Path, str]:
    """Return every file that is made, with its text."""
    made = {DASHBOARDS / f"{each.uid}.json": _text(dashboard(each)) for each in ALL}
    return made | {RULES / "slo.yml": slo_rules.text(), PROMETHEUS_RULE: kubernetes_rules.text(RULES)}


def _text(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n"


def stale() -> list[Path]:
    """Return the files that do not say what they would if they were made now, those too that nothing makes."""
    made = files()
    strays = sorted(set(DASHBOARDS.glob("*.json")) - set(made))
    return [path for path, text in made.items() if not path.exists() or path.read_text() != text] + strays


def main() -> int:
    """Write the files, or tell which ought to be written."""
    parser = ArgumentParser(prog="python -m grafana.src", description="Write the dashboards and the objectives' rules.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file is not up to date")
    if not parser.parse_args().check:
        for path, text in files().items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return 0
    for path in stale():
        sys.stderr.write(f"{path.relative_to(ROOT)} is not up to date: python -m grafana.src\n")
    return 1 if stale() else 0


if __name__ == "__main__":
    sys.exit(main())
