"""The papers that every model is published with: its card and its report."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ml import card, report
from ml.findings import Findings

CARD = "MODEL_CARD.md"
REPORT = "report.html"


def papers(findings: Findings, trained_at: datetime, history: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    """Return the files; `history` are the trainings before this one, oldest first."""
    return {
        CARD: card.card(findings, trained_at, history).encode(),
        REPORT: report.report(findings, trained_at).encode(),
    }
