"""`python -m tutormax doctor`: is everything there that TutorMax needs? What is not well is printed with its remedy."""

from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Iterable
from dataclasses import asdict

from rich.markup import escape

from tutormax import doctor
from tutormax.commands.output import console, print_json
from tutormax.doctor import Finding, Level
from tutormax.redaction import redact_text

SHOWN = {Level.WELL: "[green]well   [/]", Level.WARNING: "[yellow]warning[/]", Level.FAULT: "[red]FAULT  [/]"}


def add(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "doctor",
        help="whether everything that TutorMax needs is there and right, and what to do where not",
        epilog="Exit code: 0 no fault, warnings or not; 1 a fault; 2 misused.",
    )
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: Namespace) -> int:
    """Look, tell, and say in the exit code whether something has to be mended."""
    if not options.json:
        return code(_told(doctor.examine()))
    findings = list(doctor.examine())
    print_json([{name: redact_text(value) for name, value in asdict(found).items()} for found in findings])
    return code(findings)


def _told(findings: Iterable[Finding]) -> list[Finding]:
    told = []
    for found in findings:
        told.append(found)
        console.print(f"{SHOWN[found.level]}  {found.name}: {escape(redact_text(found.said))}", soft_wrap=True)
        if found.remedy:
            console.print(f"         → {escape(redact_text(found.remedy))}", soft_wrap=True)
    return told


def code(findings: Iterable[Finding]) -> int:
    """Return the exit code: 1 where there is a fault."""
    return 1 if any(found.level is Level.FAULT for found in findings) else 0
