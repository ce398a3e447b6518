"""`python -m grafana.src.lint`: says what is wrong with the dashboards; exits with 1 if anything is."""

import sys

import orjson

from grafana.src.__main__ import DASHBOARDS
from grafana.src.lint import lint

found = lint({path.name: orjson.loads(path.read_bytes()) for path in sorted(DASHBOARDS.glob("*.json"))})
for finding in found:
    sys.stderr.write(f"{finding}\n")
sys.exit(1 if found else 0)
