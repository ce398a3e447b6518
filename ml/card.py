"""A model's card: what it is for and what not, what it learnt from, how good it is, what those scored are owed."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ml.features.catalogue import FEATURES, Group
from ml.findings import Findings
from ml.labels import SLACK
from ml.projection import HORIZONS
from ml.report import number

VERSIONS_SHOWN = 10

PURPOSE = """\
## Purpose

To tell the people who look after tutors whom to talk to, and about what: it estimates how likely each active tutor is
to leave within 1, 7, 30 and 90 days, and names what in the tutor's own recent work speaks for and against it.

## Not its purpose

It must not decide or rank anything to a tutor's disadvantage: no dismissal, no pay, no choice of students or sessions,
no warning. It says nothing about why somebody leaves or about how good a tutor is; the performance tier does the latter
by published rules. It has learnt from one marketplace and must not be used on another, and never on real people if it
was trained on a synthetic population."""

FAILURES = """\
## Known failure modes

- Holidays, illness, parental leave and outages look like disengagement: approved leave does not stop the 14 days.
- In a tutor's first week there is hardly anything to judge by; see the slices for how much weaker it is then.
- Whoever has been silent for most of two weeks is easy to foresee, and late: the early-warning AUC leaves them out.
- A change of why people leave, with their behaviour as before, shows in no input. Only outcomes show it, weeks later.
- Once people act on scores, outcomes are no longer what would have happened without: no randomized group is held back.
- Wrong or late records of sessions are taken for behaviour."""

PEOPLE = """\
## Human oversight

Operations managers see score and reasons; tutors see their tier. A person decides what follows, and writes down why,
also when that differs from the score. No action follows from a score alone. Every change of the serving model by hand
is in the audit log with a name and a reason.

## Contest and access

A tutor may ask for everything that is held, scores and reasons included (`python -m tutormax export TUTOR --json`),
may have wrong records corrected, after which the score is made anew, and may contest a score with whoever runs this
installation, who answers as a person.

## Retention

The features behind a score are kept for 14 days, those of the nightly run as long as the score, for audit. Erasing a
tutor (`python -m tutormax erase TUTOR`) removes records, features and scores at once; the next training learns
without them, and models that learnt from them are replaced, not patched."""


def card(findings: Findings, trained_at: datetime, history: Sequence[Mapping[str, Any]]) -> str:
    """Return the card as Markdown; `history` are the trainings before this one, oldest first."""
    return "\n".join(
        (
            f"# Churn model, {findings.population} population, trained {trained_at:%Y-%m-%d %H:%M} UTC",
            "",
            f"The gate's decision: **{findings.judgement.decision}** ({findings.judgement.reason}).",
            "",
            PURPOSE,
            "",
            *_data(findings),
            FAILURES,
            "",
            *_record(findings),
            *_slices(findings),
            *_features(),
            PEOPLE,
            "",
            *_versions(findings, trained_at, history),
        )
    )


def _data(findings: Findings) -> Iterator[str]:
    facts = findings.facts
    yield "## Data"
    yield ""
    yield (
        f"{findings.rows:,} weekly snapshots of {findings.tutors:,} tutors of the {findings.population} population, "
        f"taken from {str(findings.period[0])[:10]} to {str(findings.period[1])[:10]} (UTC), by what was known at "
        f"{str(findings.as_of)[:16]}. SHA-256 of the data: `{facts['data_sha256']}`; features "
        f"`{facts['feature_version']}`; seed {facts['seed']}."
    )
    yield ""
    yield "## What is predicted"
    yield ""
    yield (
        "A tutor has left with a resignation, or when 14 days have passed since the end of the last completed "
        f"session, whichever comes first. A label counts once its horizon ({', '.join(map(str, HORIZONS))} days) has "
        f"passed, and {SLACK.astype(int)} more days in which a session may still be reported. Score: the 30-day "
        "probability in hundredths, rounded up; low to 25, medium to 50, high to 75, critical above."
    )
    yield ""


def _record(findings: Findings) -> Iterator[str]:
    yield "## How good it is"
    yield ""
    yield "On rows that it had not learnt from; in brackets where 95 % of redrawn sets of tutors fall."
    yield ""
    yield "| horizon | rows | left | AUC | early-warning AUC | skill | calibration error | predicted / actual | on |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for horizon, record in findings.records.items():
        ranges = findings.ranges[horizon]
        yield (
            f"| {horizon} days | {record.rows} | {record.positives} | {_ranged(record.auc, ranges.auc)} "
            f"| {number(record.early_warning_auc)} | {_ranged(record.skill, ranges.skill)} "
            f"| {number(record.calibration_error)} | {_ranged(record.mean_ratio, ranges.mean_ratio)} "
            f"| {findings.validated_on[horizon]} |"
        )
    for horizon, why in findings.skipped.items():
        yield f"| {horizon} days | not learnt: {why} | | | | | | | |"
    yield ""
    yield "Skill is the share of the base rate's log-loss that it saves. `report.html` has the pictures."
    yield ""


def _slices(findings: Findings) -> Iterator[str]:
    yield "### Parts of the tutors, 30 days"
    yield ""
    yield "| tutors | rows | left | AUC | mean predicted | share who left | calibration error |"
    yield "|---|---|---|---|---|---|---|"
    for part in findings.slices:
        yield (
            f"| {part.name} | {part.rows} | {part.churned} | {number(part.auc)} | {number(part.expected)} "
            f"| {number(part.actual)} | {number(part.calibration_error)} |"
        )
    yield ""


def _features() -> Iterator[str]:
    yield "## Features"
    yield ""
    for group in Group:
        names = ", ".join(f"`{feature.name}`" for feature in FEATURES if feature.group is group)
        yield f"- {group.replace('_', ' ')}: {names}"
    yield ""
    yield (
        "All are counts, rates and times of a tutor's own sessions, feedback, logins and offered hours, of the time "
        "since joining and of the subjects taught. Left out on purpose: name, age, sex, origin, health, photograph, "
        "address, language of the profile, free text, and anything that became known after the instant of a row."
    )
    yield ""


def _versions(findings: Findings, trained_at: datetime, history: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "## Version history"
    yield ""
    yield "| trained | version | decision | AUC 30 days | why |"
    yield "|---|---|---|---|---|"
    yield (
        f"| {trained_at:%Y-%m-%d %H:%M} | this one | {findings.judgement.decision} "
        f"| {number(findings.records[30].auc)} | {findings.judgement.reason} |"
    )
    for line in list(reversed(history))[:VERSIONS_SHOWN]:
        found = ((line.get("metrics") or {}).get("horizons") or {}).get("30", {}).get("quality", {})
        yield (
            f"| {str(line['trained_at'])[:16].replace('T', ' ')} | {line.get('version') or '-'} "
            f"| {line.get('decision') or line.get('status')} "
            f"| {number(found.get('challenger', {}).get('auc'))} | {line.get('reason')} |"
        )
    yield ""


def _ranged(value: float | None, bounds: tuple[float, float]) -> str:
    return f"{number(value)} ({number(bounds[0])} to {number(bounds[1])})"
