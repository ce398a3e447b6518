"""`python -m tutormax up`: everything on this machine, until Ctrl-C."""

import signal
import time
from argparse import ArgumentParser, Namespace, _SubParsersAction

from tutormax import processes, servers, settings
from tutormax.commands.output import console
from tutormax.commands.ready import ready

LOOK_SECONDS = 1.0


def add(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser("up", help="workers, scheduler and embedded servers, until Ctrl-C")
    parser.add_argument("--no-generation", action="store_true", help="send no synthetic sessions")
    parser.set_defaults(run=run)


def run(options: Namespace) -> int:
    """Run everything; one Ctrl-C or SIGTERM stops it all within seconds."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    ready()
    served = servers.endpoints()
    generate = "false" if options.no_generation else "true"
    with processes.children(TUTORMAX_GENERATION_ENABLED=generate) as children:
        for name, command in (*processes.DESK.items(), ("scheduler", processes.scheduler_command())):
            children.start(name, command)
        console.print(f"PostgreSQL  {served.database_url}")
        console.print(f"Redis       {served.redis_url}")
        console.print(f"/metrics    http://{settings.current().metrics_host}, ports {settings.current().metrics_ports}")
        console.print("Running. Look with `python -m tutormax risk` and `jobs list`; stop with Ctrl-C.")
        _watch(children)
    console.print("Stopped.")
    return 0


def _watch(children: processes.Children) -> None:
    try:
        while True:
            time.sleep(LOOK_SECONDS)
            children.restart_fallen()
    except KeyboardInterrupt:
        console.print("\nStopping…")
