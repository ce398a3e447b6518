"""What others' programs say of deploy/: schemas, linters and policies for what cannot be started here.

`make verify-deploy`; not collected by `make test`. The programs: hadolint, check-jsonschema and kubernetes-validate of
deploy/tools.lock in an environment of their own, kustomize and docker-compose of Debian, systemd-analyze, node.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from shutil import copytree, which
from typing import Any

import pytest
import yaml

from deploy.compose import prepare
from tests.deploy.formats import BIN, DEPLOY, KUBERNETES, ROOT, SYSTEMD, unit
from tutormax.broker import Queue

TOOLS = ROOT / "build" / "deploy-tools" / "bin"
DEBIAN = ROOT / "build" / "deploy-debian" / "usr"
COMPOSE = DEPLOY / "compose" / "compose.yml"
OVERLAYS = ("small", "production")
FOREIGN = {"ExternalSecret", "ScaledObject", "PodMonitor", "PrometheusRule"}
# The newest and the oldest release of Kubernetes that we say it is for.
RELEASES = ("1.34", "1.31")
MOST_EXPOSED = 1.5

every_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


def program(name: str, *others: Path) -> Path:
    """Return where a program is: beside us, in an environment of ours, or on this machine."""
    found = next((path for path in (TOOLS / name, *others) if path.exists()), None)
    on_path = which(name)
    assert found or on_path, f"{name} is not there: make verify-deploy fetches it"
    return found or Path(str(on_path))


def said(*command: str | Path, **given: str) -> str:
    """Run a program; return what it says, and fail with that if it is not content."""
    words = list(map(str, command))
    ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=100, cwd=ROOT, **given)  # type: ignore[call-overload]
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return str(ended.stdout + ended.stderr)


@cache
def built(overlay: str) -> list[Any]:
    kustomize = program("kustomize", DEBIAN / "bin" / "kustomize")
    return list(yaml.safe_load_all(said(kustomize, "build", KUBERNETES / "overlays" / overlay)))


def of(overlay: str, *kinds: str) -> list[Any]:
    return [each for each in built(overlay) if each["kind"] in kinds]


def pods(overlay: str) -> Iterator[tuple[str, Any]]:
    for each in of(overlay, "Deployment", "Job"):
        yield each["metadata"]["name"], each["spec"]["template"]["spec"]


def test_the_dockerfile_passes_its_linter() -> None:
    said(program("hadolint"), "--failure-threshold", "style", DEPLOY / "container" / "Dockerfile")


def test_compose_keeps_the_schema_of_its_specification() -> None:
    said(program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", COMPOSE)


@pytest.mark.parametrize("broker", ["redis", "rabbitmq"])
def test_compose_itself_reads_its_file(tmp_path: Path, broker: str) -> None:
    prepare.main(["--broker", broker, "--to", str(tmp_path)])
    plugin = program("docker-compose", DEBIAN / "libexec" / "docker" / "cli-plugins" / "docker-compose")

    read = yaml.safe_load(said(plugin, "--file", COMPOSE, "--env-file", tmp_path / ".env", "config"))

    other = {"redis": "rabbitmq", "rabbitmq": "redis"}[broker]
    assert broker in read["services"]
    assert other not in read["services"]
    assert {port["host_ip"] for each in read["services"].values() for port in each.get("ports", [])} == {"127.0.0.1"}


@every_overlay
@pytest.mark.parametrize("release", RELEASES)
def test_kubernetes_knows_every_object(overlay: str, release: str, tmp_path: Path) -> None:
    path = tmp_path / "objects.yml"
    path.write_text(yaml.safe_dump_all(each for each in built(overlay) if each["kind"] not in FOREIGN))

    told = said(program("kubernetes-validate"), "-k", release, "--strict", path)

    assert told.count(" passed ") == sum(each["kind"] not in FOREIGN for each in built(overlay))


def test_operators_know_their_objects() -> None:
    objects = of("production", *FOREIGN)

    assert {each["kind"] for each in objects} == FOREIGN
    said("node", KUBERNETES / "check" / "check.mjs", input=json.dumps(objects))


@every_overlay
def test_a_pod_may_do_nothing_that_it_need_not(overlay: str) -> None:
    for name, pod in pods(overlay):
        [container] = pod["containers"]
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert not any(pod.get(shared) for shared in ("hostNetwork", "hostPID", "hostIPC")), name
        assert not any("hostPath" in volume for volume in pod["volumes"]), name
        assert not container["image"].endswith((":latest", "tutormax")), name


@every_overlay
def test_a_pod_is_bounded_and_has_time_to_stop(overlay: str) -> None:
    for name, pod in pods(overlay):
        [container] = pod["containers"]
        for bound in ("requests", "limits"):
            assert set(container["resources"][bound]) == {"cpu", "memory", "ephemeral-storage"}, name
        drain = [int(word) / 1000 for word in container["args"] if re.fullmatch(r"\d{5}", word)]
        assert pod["terminationGracePeriodSeconds"] >= (drain[0] if drain else 0) + 10, name


@every_overlay
def test_a_deployment_is_probed_spread_and_disrupted_one_at_a_time(overlay: str) -> None:
    budgets = {str(each["spec"]["selector"]["matchLabels"]) for each in of(overlay, "PodDisruptionBudget")}
    for each in of(overlay, "Deployment"):
        pod = each["spec"]["template"]["spec"]
        [container] = pod["containers"]
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container)
        assert str(each["spec"]["selector"]["matchLabels"]) in budgets
        for constraint in pod["topologySpreadConstraints"]:
            chosen = constraint["labelSelector"]["matchLabels"]
            assert chosen.items() <= each["spec"]["template"]["metadata"]["labels"].items()


@every_overlay
def test_every_queue_has_its_own_worker_and_no_other(overlay: str) -> None:
    workers = {
        each["metadata"]["name"]: each for each in of(overlay, "Deployment") if "worker" in each["metadata"]["name"]
    }

    assert set(workers) == {f"tutormax-worker-{queue.replace('_', '-')}" for queue in Queue}
    selectors = [str(each["spec"]["selector"]["matchLabels"]) for each in workers.values()]
    assert len(set(selectors)) == len(Queue)
    for queue in Queue:
        labels = workers[f"tutormax-worker-{queue.replace('_', '-')}"]["spec"]["template"]["metadata"]["labels"]
        assert labels["tutormax/queue"] == queue


def test_what_scales_and_what_is_scraped_is_there() -> None:
    deployments = {each["metadata"]["name"]: each for each in of("production", "Deployment")}
    for scaler in of("production", "ScaledObject"):
        assert "replicas" not in deployments[scaler["spec"]["scaleTargetRef"]["name"]]["spec"]
    for monitor in of("production", "PodMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        pods_of = [each["spec"]["template"]["metadata"]["labels"] for each in deployments.values()]
        assert any(wanted <= labels.items() for labels in pods_of), monitor["metadata"]["name"]


@every_overlay
def test_nothing_goes_in_or_out_that_no_policy_names(overlay: str) -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in of(overlay, "NetworkPolicy")}

    assert policies["tutormax-nothing"]["policyTypes"] == ["Ingress", "Egress"]
    for each in of(overlay, "Deployment", "Job"):
        labels = each["spec"]["template"]["metadata"]["labels"]
        assert policies["tutormax-stores"]["podSelector"]["matchLabels"].items() <= labels.items()


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a machine on which our units are installed, and the programs that they name."""
    root = tmp_path_factory.mktemp("machine")
    units = root / "etc" / "systemd" / "system"
    units.mkdir(parents=True)
    copytree(SYSTEMD, units, dirs_exist_ok=True)
    copytree("/usr/lib/systemd/system", root / "usr" / "lib" / "systemd" / "system", symlinks=True)
    (root / "lib").symlink_to("usr/lib")
    programs = root / BIN.lstrip("/")
    programs.mkdir(parents=True)
    for name in ("python", "dramatiq"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    return root


UNITS = [*(name for name in unit("tutormax.target")["Unit.Wants"]), "tutormax-migrate.service"]


@pytest.mark.parametrize("name", [*UNITS, "tutormax.target"])
def test_systemd_has_nothing_to_say_of_a_unit(machine: Path, name: str) -> None:
    told = said("systemd-analyze", "--man=no", f"--root={machine}", "verify", name)

    assert "tutormax" not in told, told


@pytest.mark.parametrize("name", UNITS)
def test_a_service_is_as_little_exposed_as_the_papers_say(machine: Path, name: str) -> None:
    threshold = f"--threshold={MOST_EXPOSED * 10:.0f}"
    told = said("systemd-analyze", f"--root={machine}", "security", "--offline=true", threshold, "--no-pager", name)

    [score] = re.findall(r"exposure level for \S+: (\S+)", told)
    print(f"\n{name}: {score}")  # noqa: T201 - the papers quote it
    assert float(score) <= MOST_EXPOSED
