"""`python -m tutormax.exporter`: /metrics, /sd, /livez and /readyz of what the stores know, until SIGTERM or Ctrl-C."""

import sys

from tutormax import health, log, metrics_server, settings
from tutormax.catalogue import Process, registry
from tutormax.errors import PermanentError, TutorMaxError
from tutormax.exporter.collector import StoreCollector
from tutormax.exporter.discovery import Targets
from tutormax.exporter.stores import Stores
from tutormax.notify import Watchdog
from tutormax.probes import Stores as Probes
from tutormax.stopping import Signals

_log = log.get("tutormax.exporter")


class PortTakenError(PermanentError):
    """Somebody else answers on the exporter's port."""


def serve(limits: settings.Settings) -> None:
    """Answer on the exporter's port from now on; raise PortTakenError."""
    stores, probes = Stores(), Probes()
    exported = registry(Process.EXPORTER)
    exported.register(StoreCollector(stores))
    pages = {
        "/sd": Targets(stores).page,
        "/livez": lambda _: (True, {}),
        "/readyz": lambda _: probes.ready(),
    }
    if metrics_server.serve(limits.metrics_host, str(limits.exporter_port), exported, pages) is None:
        raise PortTakenError(
            f"{limits.metrics_host}:{limits.exporter_port} is taken or not ours: set TUTORMAX_EXPORTER_PORT"
        )


def main() -> int:
    """Be the exporter process; return the exit code."""
    stop = Signals()
    try:
        limits = settings.current()
        log.configure(json=limits.log_json, level=limits.log_level)
        serve(limits)
    except TutorMaxError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    _log.info("exporter started", host=limits.metrics_host, port=limits.exporter_port)
    # By the front door: that it answers is its progress.
    watchdog = Watchdog(limits, lambda: health.lives(f"{limits.metrics_host}:{limits.exporter_port}"))
    watchdog.start()
    while not stop.wait(3600):
        pass
    watchdog.stop()
    _log.info("exporter stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
