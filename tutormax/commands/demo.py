"""`python -m tutormax demo`: the main job, end to end, by real workers through the real queues, and what came of it."""

import time
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from tutormax import db, jobs, processes, settings
from tutormax.commands import demo_summary
from tutormax.commands.output import complaints
from tutormax.commands.ready import ready
from tutormax.errors import PermanentError
from tutormax.following import Standing, follow

# What a nominal tutor teaches: the marketplace of 1,500 tutors has 3,000 sessions a day.
SESSIONS_PER_TUTOR_DAY = 2.03
LONGEST_STAGE_SECONDS = 900.0


class DemoFailedError(PermanentError):
    """A stage of the demo did not come to its end."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One job of the demo and what it is called while it runs."""

    title: str
    actor: str
    queue: str
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """What a stage came to."""

    stage: Stage
    seconds: float
    result: Mapping[str, Any]


def add(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser("demo", help="a synthetic marketplace generated, judged, learned from and scored")
    parser.add_argument("--tutors", type=int, default=500)
    parser.add_argument("--days", type=int, default=240, help="days of history")
    parser.add_argument("--seed", type=int, default=None)
    parser.set_defaults(run=run)


def run(options: Namespace) -> int:
    """Run the demo and print its summary."""
    started = time.monotonic()
    seed = settings.current().generation_seed if options.seed is None else options.seed
    with _bar("servers and schema"):
        ready()
    with processes.children(logs=settings.current().data_dir / "logs") as children:
        for name, command in processes.DESK.items():
            children.start(name, command)
        runs = [_run(stage) for stage in stages(options.tutors, options.days, seed, datetime.now(UTC))]
    world = runs[0].result
    demo_summary.show(
        {run.stage.title: run.seconds for run in runs},
        world["organization_id"],
        world["organization"],
        time.monotonic() - started,
    )
    return 0


def stages(tutors: int, days: int, seed: int, now: datetime) -> list[Stage]:
    """Return the stages of a demo whose history ends with the last whole day before `now`."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    world = {
        "num_tutors": tutors,
        "num_sessions": round(tutors * days * SESSIONS_PER_TUTOR_DAY),
        "target_date": f"{midnight - timedelta(days=1):%F}",
        "seed": seed,
    }
    at = midnight.isoformat()
    return [
        Stage("generate the marketplace", "generate_synthetic_data", "data_generation", world),
        Stage("judge every tutor", "evaluate_tutor_performance", "evaluation", {"window_end": at}),
        Stage("train and validate a model", "train_models", "training", {"as_of": at}),
        Stage("score every tutor, with reasons", "batch_predict_churn", "prediction", {"as_of": at}),
    ]


def _run(stage: Stage) -> Run:
    with db.transaction() as connection:
        [job] = jobs.insert(connection, [jobs.Request(stage.actor, stage.queue, stage.args, requested_by="demo")])
    started = time.monotonic()
    with _bar(stage.title) as tell:
        ended = follow(job, timeout_seconds=LONGEST_STAGE_SECONDS, tell=tell)
    if ended.state != "done":
        raise DemoFailedError(
            f"{stage.title}: the job is {ended.state}: {ended.error}; python -m tutormax jobs show {job}"
        )
    return Run(stage, time.monotonic() - started, ended.result or {})


class _bar:  # noqa: N801 - reads as the context manager it is
    """A progress bar for one stage, fed by how its job stands."""

    def __init__(self, title: str) -> None:
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description:<34}"),
            BarColumn(bar_width=30),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=complaints,
        )
        self._task = self._progress.add_task(title, total=None, note="")

    def __enter__(self) -> Callable[[Standing], None]:
        self._progress.start()
        return self._tell

    def _tell(self, standing: Standing) -> None:
        progress = standing.progress or {}
        if standing.error:
            progress = {**progress, "note": f"tried again: {standing.error.splitlines()[0][:60]}"}
        self._progress.update(
            self._task, completed=progress.get("done", 0), total=progress.get("total"), note=progress.get("note") or ""
        )

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._progress.update(self._task, total=1, completed=1, note="")
        self._progress.stop()
