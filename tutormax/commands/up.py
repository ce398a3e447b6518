"""`python -m tutormax up`: everything on this machine, until Ctrl-C."""

import signal
import time
from argparse import ArgumentParser, Namespace, _SubParsersAction

from rich.markup import escape

from tutormax import processes, servers, settings
from tutormax.commands.observing import Observers, observers
from tutormax.commands.output import console
from tutormax.commands.ready import ready
from tutormax.redaction import redact_text

LOOK_SECONDS = 1.0


def add(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser("up", help="workers, scheduler, exporter and embedded servers, until Ctrl-C")
    parser.add_argument("--no-generation", action="store_true", help="send no synthetic sessions")
    parser.add_argument("--observe", action="store_true", help="Prometheus and Alertmanager as well, where installed")
    parser.set_defaults(run=run)


def run(options: Namespace) -> int:
    """Run everything; one Ctrl-C or SIGTERM stops it all within seconds."""
    stop_on_signals()
    ready()
    limits = settings.current()
    seen_by = observers(limits.data_dir) if options.observe else Observers()
    generate = "false" if options.no_generation else "true"
    with processes.children(TUTORMAX_GENERATION_ENABLED=generate) as children:
        for name, command in (*processes.DESK.items(), *processes.AROUND.items(), *seen_by.commands.items()):
            children.start(name, command)
        _tell(limits, seen_by)
        _watch(children)
    console.print("Stopped.")
    return 0


def stop_on_signals() -> None:
    """Let Ctrl-C and SIGTERM raise KeyboardInterrupt."""
    # Also where a shell that started us in the background has us ignore Ctrl-C.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def _tell(limits: settings.Settings, seen_by: Observers) -> None:
    served = servers.endpoints()
    console.print(f"PostgreSQL   {escape(redact_text(served.database_url))}")
    console.print(f"Broker       {escape(redact_text(served.broker_url))}")
    console.print(f"Processes    http://{limits.metrics_host}, ports {limits.metrics_ports}, each with /metrics")
    console.print(f"Exporter     http://{limits.metrics_host}:{limits.exporter_port}/metrics, targets at /sd")
    for line in seen_by.look:
        console.print(line)
    for line in seen_by.missing:
        console.print(f"[yellow]{line}[/]")
    console.print("Running. Look with `python -m tutormax health all`, `risk` and `jobs list`; stop with Ctrl-C.")


def _watch(children: processes.Children) -> None:
    try:
        while True:
            time.sleep(LOOK_SECONDS)
            children.restart_fallen()
    except KeyboardInterrupt:
        console.print("\nStopping…")
