"""The configuration in `deploy/` with its times shortened, so that a drill of minutes sees what takes hours.

Expressions, thresholds, labels, routes and inhibitions stay as they are; what waits, waits a hundred and twentieth.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
FASTER = 120
SHORTEST_RANGE_SECONDS = 6
# What others write asks their store a dozen questions at every scrape.
SLOWER = {"scrape_interval": "3s", "scrape_timeout": "3s"}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Yaml = dict[str, Any]


def seconds(duration: str) -> float:
    """Return how long a duration of Prometheus is."""
    return float(sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)([smhd])", duration)))


def _shorter(duration: str) -> str:
    return f"{max(0, round(seconds(duration) / FASTER))}s"


def _expression(expression: str) -> str:
    return re.sub(
        r"\[(\w+)\]", lambda found: f"[{max(SHORTEST_RANGE_SECONDS, round(seconds(found[1]) / FASTER))}s]", expression
    )


def rules(source: Path = DEPLOY / "prometheus" / "rules") -> Yaml:
    """Return all rules, evaluated every second."""
    groups = [group for path in sorted(source.glob("*.yml")) for group in yaml.safe_load(path.read_text())["groups"]]
    return {
        "groups": [group | {"interval": "1s", "rules": [_rule(rule) for rule in group["rules"]]} for group in groups]
    }


def _rule(rule: Yaml) -> Yaml:
    waits = {name: _shorter(rule[name]) for name in ("for", "keep_firing_for") if name in rule}
    return rule | waits | {"expr": _expression(rule["expr"])}


def prometheus(rule_file: Path, ports: Mapping[str, int], exporters: Sequence[int]) -> Yaml:
    """Return Prometheus' configuration: every second, with our own ports."""
    made: Yaml = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    made["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    made["rule_files"] = [str(rule_file)]
    made["alerting"] = {"alertmanagers": [{"static_configs": [_targets(ports["alertmanager"])]}]}
    of_job = {"tutormax-exporter": exporters} | {name: [port] for name, port in ports.items()}
    made["scrape_configs"] = [_scrape(config, of_job, exporters[0]) for config in made["scrape_configs"]]
    return made


def _scrape(config: Yaml, ports: Mapping[str, Sequence[int]], exporter: int) -> Yaml:
    if "http_sd_configs" in config:
        [discovery] = config["http_sd_configs"]
        path = discovery["url"].partition("/sd")[2]
        return config | {
            "http_sd_configs": [{"url": f"http://127.0.0.1:{exporter}/sd{path}", "refresh_interval": "1s"}]
        }
    pace = SLOWER if config["job_name"] in ("redis", "postgres") else {}
    return config | pace | {"static_configs": [_targets(*ports[config["job_name"]])]}


def _targets(*ports: int) -> Yaml:
    return {"targets": [f"127.0.0.1:{port}" for port in ports]}


def alertmanager(webhook: int) -> Yaml:
    """Return Alertmanager's configuration: quick, and told to our own webhook."""
    source = DEPLOY / "alertmanager" / "alertmanager.yml"
    made: Yaml = yaml.safe_load(source.read_text())
    made["templates"] = [str(source.parent / template) for template in made.get("templates", ())]
    made["route"] = _route(made["route"])
    made["receivers"] = [
        {
            "name": receiver["name"],
            "webhook_configs": [{"url": f"http://127.0.0.1:{webhook}/{receiver['name']}", "send_resolved": True}],
        }
        for receiver in made["receivers"]
    ]
    return made


def _route(route: Yaml) -> Yaml:
    inner = {"routes": [_route(each) for each in route["routes"]]} if "routes" in route else {}
    return route | {"group_wait": "1s", "group_interval": "1s"} | inner
