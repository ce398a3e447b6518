"""`python -m tutormax.ingest --organization NAME FILE...`: a customer's own files into the database."""

import argparse
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from rich.console import Console
from sqlalchemy.exc import DBAPIError

from tutormax import db, schema, servers, settings
from tutormax.db import Begin
from tutormax.errors import TutorMaxError
from tutormax.ingest import display
from tutormax.ingest.batch import Refusal, UnreadableFileError
from tutormax.ingest.kinds import Kind
from tutormax.ingest.organization import OrganizationError
from tutormax.ingest.report import FileReport, RefusalSink, refusal_as_json
from tutormax.ingest.stage import Terms, ingest_files

TAKEN_IN, REFUSED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130

EXPLANATION = """\
Files of tutors, students, sessions, feedback and events (CSV, JSON Lines or Parquet, the first two also .gz) may be
given in any order. A row that is wrong is refused and reported, the others are taken in; a file of which too many rows
are wrong is refused as a whole. Taking a file in again changes nothing. Students need no file: sessions name them.
A session that its tutor rescheduled (tutor_initiated_reschedule) becomes an event of the tutor, too, at the session's
start, the only time that such a file gives.

exit codes: 0 every file was taken in, 1 a file was refused, 2 wrong usage"""


def main(arguments: Sequence[str] | None = None, begin: Begin | None = None) -> int:
    """Take files in as the command line says, into the settings' database or another; return the exit code."""
    errors = Console(stderr=True)
    given = _parser().parse_args(arguments)
    try:
        if begin is None:
            _prepare_database(errors)
        with _sink(given.report) as sink, display.progress(errors) as bars:
            reports = ingest_files(
                begin or db.transaction,
                given.files,
                _terms(given),
                kind=Kind(given.kind) if given.kind else None,
                on_refusal=sink,
                on_progress=bars,
            )
    except BaseException as error:
        known = _explanation(error)
        if known is None:
            raise
        return _failed(errors, *known)
    _tell(reports, json=given.json)
    return TAKEN_IN if all(report.taken_in for report in reports) else REFUSED


def _explanation(error: BaseException) -> tuple[str, int] | None:
    if _is_interrupt(error):
        return "interrupted; files that were not finished are not taken in", INTERRUPTED
    if isinstance(error, UnreadableFileError | OrganizationError):
        return str(error), WRONG_USAGE
    if isinstance(error, TutorMaxError):
        return str(error), REFUSED
    told = db.complaint(error) if isinstance(error, DBAPIError) else None
    return None if told is None else (told, REFUSED)


def _is_interrupt(error: BaseException | None) -> bool:
    """Tell whether somebody stopped it: a copy that is cut short may fail in its turn, and say only that."""
    return error is not None and (isinstance(error, KeyboardInterrupt) or _is_interrupt(error.__context__))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say in one line what is wrong."""
        self.exit(WRONG_USAGE, f"{self.prog}: {message}; --help explains\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m tutormax.ingest",
        description="Take a customer's own files in.",
        epilog=EXPLANATION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="FILE")
    add("--organization", required=True, metavar="NAME", help="whose data they are; made when it is new")
    add(
        "--timezone",
        type=_zone,
        metavar="ZONE",
        help="zone of times that name none, for example America/New_York; a time that its clocks showed twice is read "
        "as the first, one that they skipped is refused",
    )
    add(
        "--known-at",
        default="now",
        metavar="WHEN",
        help="when rows became known: `event` (history: when they happened), `now` (a live feed; the default), "
        "or the name of the column that tells",
    )
    add(
        "--max-refused-share",
        type=_share,
        default=0.05,
        metavar="SHARE",
        help="refuse a file as a whole when more than this share of its rows is wrong (default: 0.05)",
    )
    add(
        "--as",
        dest="kind",
        choices=[kind.value for kind in Kind],
        help="what the rows are, where the files do not tell",
    )
    add("--report", type=Path, metavar="FILE.jsonl", help="write every refused row into this file")
    add("--json", action="store_true", help="print one JSON document instead of tables")
    return parser


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise argparse.ArgumentTypeError(
            f"{name!r} is no zone of the tz database; write one like America/New_York"
        ) from None


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0 to 1")
    return share


def _terms(given: argparse.Namespace) -> Terms:
    return Terms(given.organization, datetime.now(UTC), given.timezone, given.known_at, given.max_refused_share)


def _prepare_database(errors: Console) -> None:
    """Bring an embedded database up to date and say which it is; of another one only see that it is."""
    if told := servers.notice(settings.current()):
        errors.print(told, style="dim", markup=False, soft_wrap=True)
    embedded = servers.is_embedded(settings.current())
    with db.transaction() as connection:
        (schema.upgrade if embedded else schema.check)(connection)


@contextmanager
def _sink(path: Path | None) -> Iterator[RefusalSink | None]:
    """Give a function that writes each refused row into the report's file, if one is wanted."""
    if path is None:
        yield None
        return
    try:
        file = path.open("wb")
    except OSError as error:
        raise UnreadableFileError(f"{path}: cannot be written: {error.strerror}") from None
    with file:

        def write(source: Path, refusal: Refusal) -> None:
            file.write(orjson.dumps(refusal_as_json(source, refusal), option=orjson.OPT_APPEND_NEWLINE))

        yield write


def _tell(reports: Sequence[FileReport], *, json: bool) -> None:
    if json:
        document = {"files": [report.as_json(display.MOST_REFUSALS) for report in reports]}
        sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_INDENT_2))
        sys.stdout.flush()
    else:
        display.show(Console(), reports)


def _failed(errors: Console, message: str, code: int) -> int:
    errors.print(f"python -m tutormax.ingest: {message}", markup=False, highlight=False, soft_wrap=True)
    return code


def stop(number: int, frame: FrameType | None) -> NoReturn:
    """Raise KeyboardInterrupt; what is just then given back to the pool fails, too, and nobody need read of it."""
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    signal.default_int_handler(number, frame)


if __name__ == "__main__":
    # Told to stop, it says what is in.
    for each in (signal.SIGINT, signal.SIGTERM):
        # Whoever started it in the background has Ctrl-C ignored.
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, stop)
    sys.exit(main())
