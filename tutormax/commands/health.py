"""`python -m tutormax health`: is it alive, is it ready, is all well? Exit code 0 says yes, 1 says no."""

from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Sequence
from dataclasses import asdict

from rich.markup import escape

from tutormax import health, servers, settings
from tutormax.catalogue import Process
from tutormax.commands.output import console, print_json
from tutormax.health import Check

ALL = "all"


def add(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser("health", help="whether processes live and are ready, and whether all is well")
    parser.add_argument("what", choices=[*(process.value for process in Process), ALL])
    parser.add_argument("--host", help="where the process answers; TUTORMAX_METRICS_HOST unless given")
    parser.add_argument("--port", type=int, help="port of one process: asks it alone, and no server")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: Namespace) -> int:
    """Look, tell, and say it in the exit code."""
    checks = _looked(options)
    if options.json:
        print_json([asdict(check) for check in checks])
    else:
        for check in checks:
            said = escape(f"{check.name}  {check.said}".rstrip())
            console.print(f"{'[green]well[/]' if check.well else '[red]ILL [/]'}  {said}")
    return 0 if all(check.well for check in checks) else 1


def _looked(options: Namespace) -> Sequence[Check]:
    limits = settings.current()
    host = options.host or limits.metrics_host
    if options.port is not None:
        return health.of_address(f"{host}:{options.port}")
    # Embedded servers that nobody holds come up here, and not while they are being timed.
    servers.endpoints()
    exporter = f"{host}:{limits.exporter_port}"
    if options.what == ALL:
        return health.of_everything(exporter)
    return health.of_address(exporter) if options.what == Process.EXPORTER else health.of_kind(Process(options.what))
