"""`python -m tutormax tutor ID`: one tutor's tier, metrics, scores and reasons."""

from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.markup import escape

from tutormax import db, risk
from tutormax.commands.output import (
    RISK_STYLES,
    TIER_STYLES,
    complaints,
    console,
    instant,
    number,
    percentage,
    print_json,
    styled,
    table,
    words,
)
from tutormax.commands.ready import ready
from tutormax.commands.risk import sentences

SCORES_SHOWN = 5
SCORES_DRAWN = 1000

METRICS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("sessions scheduled", "sessions_scheduled", str),
    ("sessions completed", "sessions_completed", str),
    ("average rating", "average_rating", number),
    ("first sessions rated 4 or more", "first_session_success_rate", percentage),
    ("rescheduled by the tutor", "reschedule_rate", percentage),
    ("no-shows", "no_show_count", str),
    ("no-show rate", "no_show_rate", percentage),
    ("engagement", "engagement_score", number),
    ("objectives met (%)", "learning_objectives_met_pct", lambda value: number(value, 0)),
    ("minutes to answer", "response_time_average_minutes", lambda value: number(value, 0)),
)


def add(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser("tutor", help="tier, metrics of three windows, scores and reasons of one tutor")
    parser.add_argument("tutor", help="the customer's id of the tutor, or ours")
    parser.add_argument("--organization", help="where the id alone is not enough")
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the latest score and all before (.png, .svg, .pdf)"
    )
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: Namespace) -> int:
    """Print what is known of one tutor."""
    ready()
    with db.transaction() as connection:
        tutor = risk.find_tutor(connection, options.tutor, organization=options.organization)
        windows = risk.performance(connection, tutor["tutor_id"])
        judged_until = risk.judged_until(connection, windows)
        scores = risk.scores(connection, tutor["tutor_id"], limit=SCORES_DRAWN if options.plot else SCORES_SHOWN)
    if options.plot:
        _draw(tutor, scores, options.plot)
        scores = scores[:SCORES_SHOWN]
    if options.json:
        print_json({"tutor": tutor, "judged_until": judged_until, "performance": windows, "scores": scores})
        return 0
    named, organization = escape(tutor["name"] or tutor["external_id"]), escape(tutor["organization"])
    console.print(f"[bold]{named}[/], of {organization}, since {tutor['joined_at']:%F}")
    _print_performance(windows, judged_until)
    _print_scores(scores)
    return 0


def _draw(tutor: Mapping[str, Any], scores: Sequence[Mapping[str, Any]], path: Path) -> None:
    # Slow to import, and of use nowhere else.
    from tutormax.commands import tutor_picture  # noqa: PLC0415

    tutor_picture.draw(tutor["name"] or tutor["external_id"], scores, path)
    complaints.print(f"drawn: {path}", markup=False, soft_wrap=True)


def _print_performance(windows: Sequence[Mapping[str, Any]], judged_until: datetime | None) -> None:
    if judged_until is None:
        console.print("Not evaluated yet: python -m tutormax.enqueue evaluate_tutor_performance --wait")
        return
    days = [f"{window['window_days']} days" for window in windows]
    made = table(f"\nPerformance at {instant(judged_until)} UTC", "", *days, right=days)
    for label, column, form in METRICS:
        made.add_row(label, *(form(window[column]) for window in windows))
    tiers = (words(window["tier"], none="too little evidence") for window in windows)
    styles = (TIER_STYLES.get(window["tier"], "dim") for window in windows)
    made.add_row("[bold]tier[/]", *map(styled, tiers, styles))
    console.print(made)


def _print_scores(scores: Sequence[Mapping[str, Any]]) -> None:
    if not scores:
        console.print("\nNot scored yet: python -m tutormax.enqueue batch_predict_churn --wait")
        return
    made = table(
        "\nChurn, newest score first",
        "as of (UTC)",
        "score",
        "level",
        "1 day",
        "7 days",
        "30 days",
        "90 days",
        "by",
        "asked for by",
    )
    for score in scores:
        made.add_row(
            instant(score["as_of"]),
            str(score["churn_score"]),
            styled(score["risk_level"], RISK_STYLES[score["risk_level"]]),
            *(percentage(score[horizon]) for horizon in ("p1", "p7", "p30", "p90")),
            score["model_id"],
            score["trigger"],
        )
    console.print(made)
    console.print("\n[bold]Why[/]")
    for sentence in sentences(scores[0]) or ["Nothing speaks for leaving."]:
        console.print(f"  • {sentence}")
