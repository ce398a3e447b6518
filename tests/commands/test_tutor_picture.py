"""The picture of a tutor's score: its bars lead from the bias to the margin, and it is a picture."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.factories import NOW
from tutormax.commands.tutor_picture import NothingToDrawError, draw, steps

TEXTS = (
    "Taught 2 sessions in 14 days, a fifth of the pace stated when joining",
    "4 of the 9 sessions of 14 days were moved by the tutor",
    "No session booked for the next 7 days",
    "Last logged in 6 days ago",
    "Rated 4.8 in 30 days",
)


def score(days_ago: float, p30: float, **reasons: object) -> dict[str, Any]:
    phis = (1.7, 0.8, 0.4, 0.2, -0.3)
    factors = [{"text": text, "phi": phi} for text, phi in zip(TEXTS, phis, strict=True)]
    return {
        "as_of": NOW - timedelta(days=days_ago),
        "p30": p30,
        "churn_score": round(100 * p30),
        "risk_level": "critical",
        "model_id": "synthetic/20260615_020000",
        "reasons": {"bias": -2.05, "margin": 1.35, "factors": factors} | reasons,
    }


def test_the_bars_lead_from_the_bias_to_the_margin_without_a_gap() -> None:
    way = steps(score(0, 0.79)["reasons"])

    assert (way[0].end, way[-1].end) == (-2.05, 1.35)
    assert [step.start for step in way[1:-1]] == [step.end for step in way[:-2]]
    assert [step.text for step in way[1:3]] == list(TEXTS[:2])
    assert way[-2].end - way[-2].start == pytest.approx(1.35 + 2.05 - 2.8)


def test_it_is_drawn(tmp_path: Path) -> None:
    drawn = tmp_path / "risk.png"

    draw("Ann Example", [score(0, 0.79), score(1, 0.5), score(9, 0.2)], drawn)

    assert drawn.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["there/is/no/folder.png", "risk.nothing"])
def test_what_cannot_be_written_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(NothingToDrawError, match="cannot be written"):
        draw("Ann Example", [score(0, 0.79)], tmp_path / name)


def test_a_tutor_without_a_score_is_not_drawn(tmp_path: Path) -> None:
    with pytest.raises(NothingToDrawError, match="no score with reasons"):
        draw("Ann Example", [], tmp_path / "risk.png")
