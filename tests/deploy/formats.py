"""What each way of deploying says: commands, environments, health checks and times of its processes."""

import re
import shlex
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
SYSTEMD = DEPLOY / "systemd"
BIN = "/opt/tutormax/bin/"


@dataclass(frozen=True, slots=True)
class Process:
    """One process as a file of deploy/ states it."""

    format: str
    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_seconds: float | None = None
    health: tuple[str, ...] | None = None
    probes: tuple[str, ...] = ()
    watchdog_seconds: float | None = None


def loaded(path: Path) -> Any:
    """Return what a YAML file holds."""
    return yaml.safe_load(path.read_text())


def procfile() -> Iterator[Process]:
    """Yield the processes of the Procfile."""
    for line in (ROOT / "Procfile").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, command = line.partition(": ")
            yield Process("procfile", name, tuple(shlex.split(command)))


def render() -> Iterator[Process]:
    """Yield the processes of render.yaml; what it takes from its own stores is named and left empty."""
    for service in loaded(ROOT / "render.yaml")["services"]:
        if "dockerCommand" in service:
            environment = {each["key"]: each.get("value", "") for each in service["envVars"]}
            stop = float(service["maxShutdownDelaySeconds"])
            yield Process("render", service["name"], tuple(shlex.split(service["dockerCommand"])), environment, stop)
            if "preDeployCommand" in service:
                yield Process("render", "migrate", tuple(shlex.split(service["preDeployCommand"])), environment)


def compose() -> Iterator[Process]:
    """Yield the processes of TutorMax in compose.yml; of its stores there is more in the file."""
    for name, service in loaded(DEPLOY / "compose" / "compose.yml")["services"].items():
        if service["image"].startswith("tutormax:"):
            health = service["healthcheck"].get("test")
            yield Process(
                "compose",
                name,
                tuple(service["command"]),
                {key: _defaulted(value) for key, value in service["environment"].items()},
                float(service["stop_grace_period"].removesuffix("s")),
                None if health is None else tuple(health[1:]),
            )


def _defaulted(value: str) -> str:
    """Return what compose makes of ${NAME:-default} where nobody sets it."""
    return re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value)


def systemd() -> Iterator[Process]:
    """Yield the services that tutormax.target wants, and the one that they want themselves."""
    target = unit("tutormax.target")
    for name in (*target["Unit.Wants"], "tutormax-migrate.service"):
        yield _service(name)


def _service(name: str) -> Process:
    said = unit(name)
    environment = dict(pair.split("=", 1) for line in said["Service.Environment"] for pair in shlex.split(line))
    environment = {key: value.replace("%d", "/run/credentials") for key, value in environment.items()}
    [command] = said["Service.ExecStart"]
    instance = name.partition("@")[2].removesuffix(".service")
    expanded = command.replace("%i", instance).replace("${TUTORMAX_THREADS}", environment.pop("TUTORMAX_THREADS", ""))
    watchdog = said.get("Service.WatchdogSec")
    return Process(
        "systemd",
        instance or name.removeprefix("tutormax-").removesuffix(".service"),
        tuple(shlex.split(expanded.replace(BIN, ""))),
        environment,
        float(said["Service.TimeoutStopSec"][-1]),
        watchdog_seconds=float(watchdog[-1]) if watchdog else None,
    )


def unit(name: str) -> Mapping[str, Sequence[str]]:
    """Return what a unit says with its drop-ins, by section and key."""
    template = re.sub(r"@.*\.", "@.", name)
    folders = [f"{template}.d", f"{name}.d", "tutormax-.service.d"] if name.endswith(".service") else []
    drop_ins = sorted(
        (path for folder in folders for path in (SYSTEMD / folder).glob("*.conf")), key=lambda it: it.name
    )
    said = defaultdict(list)
    for path in (SYSTEMD / template, *drop_ins):
        section = ""
        for line in path.read_text().splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif line and not line.startswith("#"):
                key, _, value = line.partition("=")
                said[f"{section}.{key}"].append(value)
    return said


def kubernetes() -> Iterator[Process]:
    """Yield the processes of the base: the worker as each queue patches it, and the others as they stand."""
    base = KUBERNETES / "base"
    settings = dict(line.split("=", 1) for line in (base / "settings.env").read_text().splitlines() if line[:1] != "#")
    [worker] = _pods(base / "worker" / "deployment.yml")
    for path in sorted((base / "queues").glob("*/kustomization.yml")):
        patches = [yaml.safe_load(each["patch"]) for each in loaded(path)["patches"]]
        [args] = [each["value"] for patch in patches for each in patch if each["path"].endswith("/args")]
        yield _process(worker, path.parent.name, args, settings)
    for name in ("scheduler", "exporter", "migration"):
        [pod] = _pods(base / f"{name}.yml")
        yield _process(pod, name, pod["containers"][0]["args"], settings)


def _pods(path: Path) -> list[Any]:
    documents = yaml.safe_load_all(path.read_text())
    return [each["spec"]["template"]["spec"] for each in documents if each["kind"] in ("Deployment", "Job")]


def _process(pod: Any, name: str, args: list[str], settings: Mapping[str, str]) -> Process:
    [container] = pod["containers"]
    named = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    probes = [
        container[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe") if probe in container
    ]
    stop = float(pod["terminationGracePeriodSeconds"])
    return Process("kubernetes", name, tuple(args), {**settings, **named}, stop, probes=tuple(probes))


FORMATS = {each.__name__: each for each in (procfile, render, compose, systemd, kubernetes)}


def compose_service(name: str) -> Any:
    """Return one service of compose.yml as it stands."""
    return loaded(DEPLOY / "compose" / "compose.yml")["services"][name]
