"""Prometheus and Alertmanager at a desk: their commands with the configuration in `deploy/`, and what is missing."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMETHEUS = "127.0.0.1:9090"
ALERTMANAGER = "127.0.0.1:9093"


@dataclass(frozen=True, slots=True)
class Observers:
    """What can be started, and a sentence for each thing that cannot."""

    commands: Mapping[str, list[str]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    look: tuple[str, ...] = ()


def observers(data_dir: Path, deploy: Path = DEPLOY) -> Observers:
    """Return how to start Prometheus and Alertmanager on this machine, their data below a directory."""
    commands, missing, look = {}, [], []
    for server in _servers(data_dir, deploy):
        program = next((found for name in server.names if (found := shutil.which(name))), None)
        if program is None:
            missing.append(f"{server.title} is not installed: no {' or '.join(server.names)} in PATH.")
        elif not server.configuration.is_file():
            missing.append(f"{server.title} has no configuration: {server.configuration} is not there.")
        else:
            commands[server.title.lower()] = [program, f"--config.file={server.configuration}", *server.options]
            look.append(f"{server.title:<13}http://{server.address}")
    return Observers(commands, tuple(missing), tuple(look))


@dataclass(frozen=True, slots=True)
class _Server:
    title: str
    names: tuple[str, ...]
    configuration: Path
    address: str
    options: tuple[str, ...]


def _servers(data_dir: Path, deploy: Path) -> Iterator[_Server]:
    yield _Server(
        "Prometheus",
        ("prometheus",),
        deploy / "prometheus" / "prometheus.yml",
        PROMETHEUS,
        (
            f"--storage.tsdb.path={data_dir / 'prometheus'}",
            # Objectives look back 28 days; by itself it keeps 15.
            "--storage.tsdb.retention.time=30d",
            f"--web.listen-address={PROMETHEUS}",
            "--enable-feature=exemplar-storage",
            "--log.level=warn",
        ),
    )
    yield _Server(
        "Alertmanager",
        ("prometheus-alertmanager", "alertmanager"),
        deploy / "alertmanager" / "alertmanager.yml",
        ALERTMANAGER,
        (
            f"--storage.path={data_dir / 'alertmanager'}",
            f"--web.listen-address={ALERTMANAGER}",
            # Alone: no port for others of its kind.
            "--cluster.listen-address=",
            "--log.level=warn",
        ),
    )
