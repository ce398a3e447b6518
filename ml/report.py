"""A model's report: one HTML page that needs nothing else, pictures and all."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape

from ml import drift, pictures
from ml.findings import Findings
from ml.gate import Verdict
from ml.projection import ANCHOR

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1.5rem; color: #212529 }
h1 { margin-bottom: 0 } h2 { margin-top: 2.2rem; border-bottom: 1px solid #dee2e6 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
td, th { padding: .25rem .8rem; border-bottom: 1px solid #e9ecef; text-align: right }
td:first-child, th:first-child, td.words { text-align: left }
img { max-width: 100%; height: auto } .side img { max-width: 32% }
.passed { color: #2b8a3e } .failed { color: #c92a2a; font-weight: 600 } .not { color: #868e96 }
.decision { font-size: 1.15rem } .far { color: #c92a2a; font-weight: 600 } .some { color: #b35c00 }
"""


def report(findings: Findings, trained_at: datetime) -> str:
    """Return the page."""
    title = f"Churn model of the {findings.population} population, {trained_at:%Y-%m-%d %H:%M} UTC"
    anchor = findings.contests[ANCHOR]
    return "\n".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            _summary(findings),
            "<h2>Does it rank well, is it to be believed, does it pay to look?</h2>",
            '<p class="side">',
            _image("ROC", pictures.roc(anchor)),
            _image("calibration", pictures.calibration(findings.contests)),
            _image("lift", pictures.lift(anchor)),
            "</p>",
            "<h2>Its record by horizon</h2>",
            _records(findings),
            "<h2>For whom is it worse?</h2>",
            _slices(findings),
            "<h2>What does it look at?</h2>",
            _image("groups of features", pictures.groups(findings)),
            _image("SHAP beeswarm", pictures.beeswarm(findings)),
            "<p>Features of one group share credit for what they all see. Nothing here is said to be a cause.</p>",
            "<h2>How far have the data moved from the champion's?</h2>",
            _moved(findings),
            "<h2>Every check of the gate</h2>",
            _checks(findings),
            "</body></html>\n",
        )
    )


def _summary(findings: Findings) -> str:
    first, last = (str(instant)[:10] for instant in findings.period)
    return (
        f"<p>{findings.rows:,} weekly snapshots of {findings.tutors:,} tutors, from {first} to {last}, judged as of "
        f"{str(findings.as_of)[:16]} UTC. Its record is on rows that it had not learnt from.</p>"
        f'<p class="decision"><b>The gate: {findings.judgement.decision}.</b> '
        f"{escape(findings.judgement.reason)}.</p>"
    )


def _image(name: str, png: bytes) -> str:
    return f'<img alt="{name}" src="data:image/png;base64,{b64encode(png).decode()}">'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["<table><tr>", *(f"<th>{escape(name)}</th>" for name in head), "</tr>"]
    for row in rows:
        lines += ["<tr>", *(cell if cell.startswith("<td") else f"<td>{escape(cell)}</td>" for cell in row), "</tr>"]
    return "".join((*lines, "</table>"))


def _records(findings: Findings) -> str:
    head = (
        "horizon", "rows", "left", "AUC (95 %)", "early-warning AUC", "skill (95 %)", "log-loss", "Brier",
        "calibration error", "mean predicted / actual (95 %)", "validated on",
    )  # fmt: skip
    rows = [
        (
            f"{horizon} days",
            f"{record.rows:,}",
            f"{record.positives:,}",
            _with_range(record.auc, findings.ranges[horizon].auc),
            number(record.early_warning_auc),
            _with_range(record.skill, findings.ranges[horizon].skill),
            number(record.log_loss, 4),
            number(record.brier, 4),
            number(record.calibration_error),
            _with_range(record.mean_ratio, findings.ranges[horizon].mean_ratio, 2),
            findings.validated_on[horizon],
        )
        for horizon, record in findings.records.items()
    ]
    skipped = (f"<p>{horizon} days: not learnt, {escape(why)}.</p>" for horizon, why in findings.skipped.items())
    return _table(head, rows) + "".join(skipped)


def _slices(findings: Findings) -> str:
    rows = [
        (
            part.name,
            f"{part.rows:,}",
            f"{part.churned:,}",
            number(part.auc),
            number(part.expected),
            number(part.actual),
            number(part.calibration_error),
        )
        for part in findings.slices
    ]
    head = ("tutors, 30 days", "rows", "left", "AUC", "mean predicted", "share who left", "calibration error")
    return _table(head, rows)


def _moved(findings: Findings) -> str:
    if findings.moved is None:
        return "<p>There is no champion whose validation rows could be compared with.</p>"
    largest = sorted(findings.moved.items(), key=lambda pair: -pair[1])
    chosen = [pair for pair in largest if pair[0] == drift.SCORE] + [p for p in largest if p[0] != drift.SCORE][:12]
    rows = [(name.replace("_", " "), f'<td class="{_how_far(index)}">{index:.3f}</td>') for name, index in chosen]
    return (
        "<p>Population stability index of the score and the twelve features that moved most, against the rows on "
        f"which {escape(str(findings.champion))} was validated; above {drift.MOVED} something moved, above "
        f"{drift.MOVED_FAR} it moved far.</p>"
    ) + _table(("", "index"), rows)


def _how_far(index: float) -> str:
    return "far" if index > drift.MOVED_FAR else "some" if index > drift.MOVED else "little"


def _checks(findings: Findings) -> str:
    styles = {Verdict.PASSED: "passed", Verdict.FAILED: "failed", Verdict.NOT_JUDGED: "not"}
    rows = [
        (
            check.name,
            "-" if check.value is None else f"{check.value:.4g}",
            "-" if check.low is None or check.high is None else f"{check.low:.4g} to {check.high:.4g}",
            f'<td class="words">{escape(check.bound)}</td>',
            f'<td class="{styles[check.verdict]}">{check.verdict}</td>',
            f'<td class="words">{check.on_failure}</td>',
        )
        for check in findings.judgement.checks
    ]
    return _table(("check", "value", "95 %", "must be", "verdict", "failing means"), rows)


def _with_range(value: float | None, bounds: tuple[float, float], digits: int = 3) -> str:
    low, high = (number(bound, digits) for bound in bounds)
    return f"{number(value, digits)} ({low} to {high})"


def number(value: float | None, digits: int = 3) -> str:
    """Return a number, or a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"
