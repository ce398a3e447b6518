"""`python -m tests.benchmarks.published RESULT.json...`: publish results of `make bench` in deploy/performance.md.

The results are kept together beside the page, and a test holds both to each other; README.md shows the engines. What
`make bench-smoke` compares with is `tests/benchmarks/kept.json`, a result of its own.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from tests.benchmarks.sheets import Sheet, sheets

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "deploy" / "performance.md"
KEPT = ROOT / "deploy" / "benchmark.json"
BEGIN, END = "<!-- benchmark -->\n", "<!-- /benchmark -->\n"
README = ROOT / "README.md"
BEGIN_ENGINES, END_ENGINES = "<!-- engines -->\n", "<!-- /engines -->\n"

# From here on a tenth says nothing.
MANY = 100

# Which figure of an engine stands in which column.
ENGINES = ("TutorMax", "Procrastinate", "Celery", "Dramatiq")
COLUMNS: Mapping[str, str] = {
    "no-op jobs, 2 x 8, drained": "no-op jobs/s",
    "10 ms jobs, 2 x 8, drained": "10 ms jobs/s",
    "from sending to the first line, p50": "to the first line, ms",
    "the same after 3 s of silence, p50": "after silence, ms",
}


def rendered(results: Sequence[Mapping[str, Any]]) -> str:
    """Return what the page says of results: a table each, headed by the machine and its load."""
    return "\n".join(_table(result) for result in results)


def _table(result: Mapping[str, Any]) -> str:
    machine = result["machine"]
    head = (
        f"{machine['at'][:10]}, {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"load before {machine['load_before']:.1f}, Python {machine['python']}{_postgres(machine)}\n\n"
    )
    return head + "\n".join(_written(sheet) for sheet in sheets(result["figures"]))


def _postgres(machine: Mapping[str, Any]) -> str:
    # Results that were kept before do not know.
    known = machine.get("postgres")
    if known is None:
        return ""
    memory = f"shared_buffers {known['shared_buffers']}, work_mem {known['work_mem']}"
    return f", PostgreSQL {known['server_version']} with {memory}"


def _written(sheet: Sheet) -> str:
    head = "".join(f"| {column} " if column else "| " for column in sheet.columns) + "|\n"
    return head + "|---" * len(sheet.columns) + "|\n" + "".join(f"| {' | '.join(row)} |\n" for row in sheet.rows)


def engines(results: Sequence[Mapping[str, Any]]) -> str:
    """Return what the README says of job engines side by side."""
    values = {figure["name"]: figure["value"] for result in results for figure in result["figures"]}
    rows = [
        "| " + " | ".join([engine, *(_short(values[f"{engine}: {name}"]) for name in COLUMNS)]) + " |\n"
        for engine in ENGINES
    ]
    head = f"| | {' | '.join(COLUMNS.values())} |\n|{'---|' * (1 + len(COLUMNS))}\n"
    return head + "".join(rows)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= MANY else f"{value:.1f}"


def kept() -> Sequence[Mapping[str, Any]]:
    """Return the results that were published last."""
    results: Sequence[Mapping[str, Any]] = orjson.loads(KEPT.read_bytes())
    return results


def publish(results: Sequence[Mapping[str, Any]]) -> None:
    """Keep results and let the page say them."""
    KEPT.write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2) + b"\n")
    _put(PAGE, BEGIN, rendered(results), END)
    _put(README, BEGIN_ENGINES, engines(results), END_ENGINES)


def _put(page: Path, begin: str, what: str, end: str) -> None:
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    page.write_text(before + begin + what + end + rest.partition(end)[2], encoding="utf-8")


if __name__ == "__main__":
    publish([orjson.loads(Path(name).read_bytes()) for name in sys.argv[1:]])
