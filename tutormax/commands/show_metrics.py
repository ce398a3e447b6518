"""`python -m tutormax metrics`: every metric, who exports it, what it means; also as the page `deploy/metrics.md`."""

import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from dataclasses import asdict

from tutormax.catalogue import Metric, catalogue
from tutormax.commands.output import console, print_json, table

INTRODUCTION = """\
# Metrics

Written by `python -m tutormax metrics --markdown` from `tutormax/metrics.py`; a test holds both equal.

Every worker and scheduler process answers `/metrics` on the first free port of `TUTORMAX_METRICS_PORTS` and is found
through `/sd` of the exporter; the exporter answers on `TUTORMAX_EXPORTER_PORT`. Exporters may run side by side and
all tell the same, so take `max` over what they export, and `sum` over workers and schedulers. Processes also export
`process_*` and `python_*`. Units are seconds, ratios and counts; a counter begins at zero.

| metric | type | labels | from | meaning | since |
|---|---|---|---|---|---|
"""

PLANNED = """
## Planned

Names that dashboards may count on; nobody exports them yet.

| metric | type | labels | meaning | waits for |
|---|---|---|---|---|
"""


def add(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser("metrics", help="every metric, who exports it and what it means")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="as a page")
    form.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: Namespace) -> int:
    """Print the catalogue."""
    if options.markdown:
        sys.stdout.write(page())
        return 0
    if options.json:
        print_json([asdict(metric) for metric in catalogue()])
        return 0
    made = table("Metrics", "metric", "type", "labels", "from", "meaning")
    for metric in catalogue():
        made.add_row(
            metric.name, metric.kind, " ".join(metric.labels), " ".join(metric.by) or "planned", metric.meaning
        )
    console.print(made)
    return 0


def page() -> str:
    """Return the catalogue as Markdown."""
    exported = [_row(m, " ".join(m.by), m.meaning, m.since) for m in catalogue() if m.waits_for is None]
    planned = [_row(m, m.meaning, m.waits_for) for m in catalogue() if m.waits_for is not None]
    return "".join([INTRODUCTION, *exported, PLANNED, *planned])


def _row(metric: Metric, *facts: str) -> str:
    labels = " ".join(f"`{label}`" for label in metric.labels)
    return f"| {' | '.join([f'`{metric.name}`', metric.kind, labels or '-', *facts])} |\n"
