"""What somebody at a terminal sees of an ingest: a bar for each file while it runs, tables when it has ended."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tutormax.ingest import stage
from tutormax.ingest.batch import shown
from tutormax.ingest.reading import Source
from tutormax.ingest.report import FileReport

MOST_REFUSALS = 20


@contextmanager
def progress(console: Console) -> Iterator[stage.Progress]:
    """Give a function that moves a bar for each file; without a terminal nothing is drawn."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bars:
        tasks: dict[Source, TaskID] = {}

        def move(source: Source, part: float) -> None:
            if source not in tasks:
                tasks[source] = bars.add_task(escape(source.path.name), total=1.0)
            bars.update(tasks[source], completed=part)

        yield move


def show(console: Console, reports: Sequence[FileReport]) -> None:
    """Print what became of the files, and why rows or whole files were refused."""
    console.print(_files(reports))
    for report in reports:
        for sentence in _sentences(report):
            console.print(f"{report.path.name}: {sentence}", markup=False, highlight=False, soft_wrap=True)
    refusals = [(report.path, refusal) for report in reports for refusal in report.refusals][:MOST_REFUSALS]
    for path, refusal in refusals:
        place = f"{path.name}:{refusal.line}:"
        parts = [place, refusal.column, f"'{refusal.value}'" if refusal.value else None, refusal.reason]
        console.print(" ".join(part for part in parts if part), markup=False, highlight=False, soft_wrap=True)
    left = sum(report.refused for report in reports) - len(refusals)
    if left > 0:
        console.print(f"and {left:,} more refused rows; --report FILE.jsonl writes all of them", highlight=False)


def _files(reports: Sequence[FileReport]) -> Table:
    # Narrow, so that a terminal of 80 columns shows every count.
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("file", overflow="fold")
    table.add_column("kind", no_wrap=True)
    for name in ("read", "inserted", "updated", "unchanged", "refused", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for report in reports:
        counts = (report.read, report.inserted, report.updated, report.unchanged, report.refused)
        numbers = (*(f"{count:,}" for count in counts), f"{report.seconds:.2f}")
        table.add_row(escape(report.path.name), report.kind, *numbers, style=None if report.taken_in else "red")
    return table


def _sentences(report: FileReport) -> Iterator[str]:
    """Yield what the counts of a file do not say."""
    if report.refused_because is not None:
        yield f"nothing was taken in: {report.refused_because}"
    elif report.ignored_columns:
        yield f"columns not used: {', '.join(map(shown, report.ignored_columns))}"
    if report.derived:
        yield f"{report.derived:,} sessions flagged as rescheduled by the tutor are events now too"
