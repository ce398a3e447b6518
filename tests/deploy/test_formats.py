"""Every way of deploying starts the same processes and gives them time to stop; none says what we do not know."""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from dramatiq.cli import make_argument_parser

from deploy.compose import prepare
from deploy.container import slim
from tests.deploy.formats import DEPLOY, FORMATS, KUBERNETES, ROOT, Process, loaded, systemd, unit
from tutormax import secret_files
from tutormax.broker import Queue
from tutormax.settings import Settings, variable_of

# What a consumer may still wait for after the workers' threads were given up, and Python for its own end.
AFTER_DRAIN_SECONDS = 10
# Of the libraries and of Python; everything else is a setting of ours.
FOREIGN = {"MPLCONFIGDIR", "NUMBA_CACHE_DIR", "PYTHONDONTWRITEBYTECODE", "PYTHONFAULTHANDLER", "PYTHONUNBUFFERED"}
ONE_THREAD = {Queue.TRAINING}

every_format = pytest.mark.parametrize("name", FORMATS)


def worker_options(process: Process) -> tuple[frozenset[str], int, float]:
    """Return queues, threads and drain of a worker, as Dramatiq itself reads its command line."""
    read = make_argument_parser().parse_args([*process.argv[1:]])  # type: ignore[no-untyped-call]  # dramatiq's own
    assert (read.broker, read.processes) == ("actors", 1)
    return frozenset(read.queues), read.threads, read.worker_shutdown_timeout / 1000


def workers(name: str) -> list[Process]:
    return [each for each in FORMATS[name]() if each.argv[0] == "dramatiq"]


def others(name: str) -> set[tuple[str, ...]]:
    return {each.argv for each in FORMATS[name]() if each.argv[0] != "dramatiq"}


@every_format
def test_every_queue_has_one_worker_with_its_threads(name: str) -> None:
    served = [worker_options(each)[:2] for each in workers(name)]

    if name == "render":
        # A disk of Render's belongs to one service, and these two share files.
        assert (frozenset({"prediction", "training"}), 2) in served
        assert sorted(queue for queues, _ in served for queue in queues) == sorted(Queue)
    else:
        assert sorted(served, key=str) == sorted(
            ((frozenset({queue.value}), 1 if queue in ONE_THREAD else 2) for queue in Queue), key=str
        )


@every_format
def test_scheduler_exporter_and_migration_are_the_same_everywhere(name: str) -> None:
    assert others(name) == {
        ("python", "-m", "schedules"),
        ("python", "-m", "tutormax.exporter"),
        ("python", "-m", "tutormax", "migrate"),
    }


@every_format
def test_whoever_is_told_to_stop_has_more_time_than_the_drain_takes(name: str) -> None:
    for process in workers(name):
        drain = worker_options(process)[2]
        assert drain == 25
        assert process.stop_seconds is None or process.stop_seconds >= drain + AFTER_DRAIN_SECONDS


@every_format
def test_a_variable_is_a_setting(name: str) -> None:
    settings = {variable_of(each) for each in Settings.model_fields}
    known = settings | {f"{each}{secret_files.SUFFIX}" for each in settings} | FOREIGN
    for process in FORMATS[name]():
        assert set(process.environment) <= known, process.name


def test_the_image_has_the_same_variables() -> None:
    text = (DEPLOY / "container" / "Dockerfile").read_text()
    named = set(re.findall(r"^(?:ENV|   ) ?([A-Z_]+)=", text.partition("COPY --from=build")[2], re.MULTILINE))

    assert {"WORKER_MODEL_SAVE_PATH", "TUTORMAX_METRICS_PORTS"} <= named
    assert named - FOREIGN - {"PATH"} <= {variable_of(each) for each in Settings.model_fields}


def test_systemd_watches_what_tells_it_that_it_lives() -> None:
    for process in systemd():
        assert (process.watchdog_seconds is None) == (process.name == "migrate")
    for name in ("tutormax-worker@prediction.service", "tutormax-scheduler.service"):
        said = unit(name)
        assert said["Service.Type"] == ["notify"]
        assert said["Service.KillMode"] == ["control-group"]
        assert said["Service.StandardOutput"] == ["journal"]


def compose_services() -> dict[str, dict[str, object]]:
    services: dict[str, dict[str, object]] = loaded(DEPLOY / "compose" / "compose.yml")["services"]
    return services


@pytest.mark.parametrize("name", compose_services())
def test_a_service_of_compose_is_bounded_pinned_and_kept_in(name: str) -> None:
    service = compose_services()[name]
    ports = service.get("ports", [])
    deploy = service["deploy"]

    assert isinstance(ports, list)
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert isinstance(deploy, dict)
    assert set(deploy["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.search(r":[v0-9$]", str(service["image"]))
    assert not str(service["image"]).endswith("latest")
    assert not any("PASSWORD" in key and "_FILE" not in key for key in service.get("environment", {}))  # type: ignore[attr-defined]


def test_compose_starts_in_the_order_of_health() -> None:
    for name, service in compose_services().items():
        if name.startswith("worker-") or name in ("scheduler", "exporter"):
            needs = service["depends_on"]
            assert isinstance(needs, dict)
            assert needs["migrate"] == {"condition": "service_completed_successfully"}
            assert needs["redis"] == needs["rabbitmq"] == {"condition": "service_healthy", "required": False}
    assert compose_services()["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_prometheus_of_compose_asks_what_prometheus_asks_but_by_name() -> None:
    def shape(path: Path) -> str:
        return re.sub(r"[\w.-]+:(?=\d{4})", "host:", json.dumps(loaded(path)).replace("host:9090", ""))

    assert shape(DEPLOY / "compose" / "prometheus.yml") == shape(DEPLOY / "prometheus" / "prometheus.yml")
    targets = re.findall(r"([a-z-]+):\d{4}", (DEPLOY / "compose" / "prometheus.yml").read_text())
    assert set(targets) <= set(compose_services())


@pytest.mark.parametrize("broker", ["redis", "rabbitmq"])
def test_preparing_writes_every_secret_that_compose_names_and_changes_none(tmp_path: Path, broker: str) -> None:
    asked = loaded(DEPLOY / "compose" / "compose.yml")["secrets"].values()

    assert prepare.main(["--broker", broker, "--to", str(tmp_path)]) == 0
    written = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert prepare.main(["--broker", broker, "--to", str(tmp_path)]) == 0

    assert {Path(each["file"]).name for each in asked} == set(written)
    assert written == {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    assert written["broker_url"].startswith({"redis": "redis://", "rabbitmq": "amqp://"}[broker])


def test_preparing_refuses_another_broker_over_the_first(tmp_path: Path) -> None:
    prepare.main(["--to", str(tmp_path)])

    with pytest.raises(SystemExit) as refused:
        prepare.main(["--broker", "rabbitmq", "--to", str(tmp_path)])
    assert refused.value.code == 2


def test_the_users_of_redis_know_the_password_by_its_digest() -> None:
    text = prepare.users("one", "other")

    assert f"user tutormax on #{hashlib.sha256(b'one').hexdigest()} " in text
    assert "user default off" in text
    assert "{" not in text


def packages(lines: Sequence[str]) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", "\n".join(lines), re.MULTILINE))


def test_the_image_has_the_lock_but_for_the_servers_and_the_graphics_card() -> None:
    locked = packages((ROOT / "requirements.lock").read_text().splitlines())
    kept = packages(list(slim.lock((ROOT / "requirements.lock").read_text())))
    own = packages((DEPLOY / "container" / "xgboost-cpu.lock").read_text().splitlines())

    assert set(locked) - set(kept) == set(slim.LEFT_OUT)
    assert own == {"xgboost-cpu": locked["xgboost"]}


def test_the_image_runs_as_nobody_special_and_says_how_it_is() -> None:
    final = (DEPLOY / "container" / "Dockerfile").read_text().rpartition("FROM ")[2]

    assert "USER 10001:10001" in final
    assert "HEALTHCHECK" in final
    assert re.search(r'CMD \["python", "-m", "tutormax", "health", "worker"', final)
    assert "pip" not in final


def test_what_render_is_told_are_its_own_words() -> None:
    known = {
        "name", "type", "runtime", "plan", "dockerfilePath", "dockerContext", "dockerCommand", "envVars",
        "maxShutdownDelaySeconds", "preDeployCommand", "disk", "maxmemoryPolicy", "ipAllowList",
    }  # fmt: skip
    blueprint = loaded(ROOT / "render.yaml")
    stores = {each["name"] for each in blueprint["databases"]} | {
        each["name"] for each in blueprint["services"] if each["type"] == "keyvalue"
    }

    assert {key for service in blueprint["services"] for key in service} <= known
    assert {service["type"] for service in blueprint["services"]} == {"worker", "pserv", "keyvalue"}
    for service in blueprint["services"]:
        for each in service.get("envVars", []):
            source = each.get("fromDatabase") or each.get("fromService")
            assert source is None or source["name"] in stores
    [redis] = [service for service in blueprint["services"] if service["type"] == "keyvalue"]
    assert redis["maxmemoryPolicy"] == "noeviction"


def test_the_rules_of_kubernetes_are_the_rules_of_prometheus() -> None:
    [document] = yaml.safe_load_all((KUBERNETES / "monitoring" / "prometheusrule.yml").read_text())
    files = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))

    assert document["spec"]["groups"] == [group for path in files for group in loaded(path)["groups"]]


def test_argo_cd_starts_the_migration_with_what_it_needs_and_not_after_what_waits_for_it() -> None:
    documents = [
        document
        for path in sorted(KUBERNETES.glob("[!c]*/**/*.yml"))
        for document in yaml.safe_load_all(path.read_text())
        if document and "metadata" in document
    ]
    annotations = {
        (each["kind"], each["metadata"]["name"]): each["metadata"].get("annotations", {}) for each in documents
    }
    migration = annotations.pop(("Job", "tutormax-migration"))

    # Its ServiceAccount, Secret and ConfigMap come in Sync, not before it.
    # A later wave waits for workers, and they for it.
    assert migration["argocd.argoproj.io/hook"] == "Sync"
    assert migration["argocd.argoproj.io/hook-delete-policy"] == "BeforeHookCreation"
    assert [of for of, said in annotations.items() if any("argocd" in key for key in said)] == []
    assert "argocd.argoproj.io/sync-wave" not in migration
