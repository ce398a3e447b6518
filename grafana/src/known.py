"""Every series there is: our catalogue's, what the rules record, and what Prometheus and its exporters add."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

import tutormax.metrics  # noqa: F401 - declares what the catalogue holds
from grafana.src import promql
from tutormax.catalogue import Kind, catalogue

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules"

# Prometheus gives them to everything it scrapes.
OF_TARGETS = frozenset({"job", "instance", "service"})
# Not ours, and used by name: a misspelt one must not pass. With the labels that we may name.
FOREIGN = {
    "up": (),
    "scrape_duration_seconds": (),
    "scrape_samples_post_metric_relabeling": (),
    "ALERTS": ("alertname", "alertstate", "severity"),
    "process_cpu_seconds_total": (),
    "process_max_fds": (),
    "process_open_fds": (),
    "process_resident_memory_bytes": (),
    "process_start_time_seconds": (),
    "prometheus_notifications_dropped_total": (),
    "prometheus_notifications_errors_total": (),
    "prometheus_rule_evaluation_failures_total": ("rule_group",),
    "pg_settings_max_connections": (),
    "pg_stat_activity_count": ("datname",),
    "pg_stat_activity_max_tx_duration": ("datname",),
    "pg_stat_database_xact_commit": ("datname",),
    "pg_stat_database_xact_rollback": ("datname",),
    "redis_commands_total": ("cmd",),
    "redis_connected_clients": (),
    "redis_memory_max_bytes": (),
    "redis_memory_used_bytes": (),
    "redis_rejected_connections_total": (),
}


@lru_cache(maxsize=1)
def series() -> dict[str, frozenset[str]]:
    """Return the labels of every series by its name; what is only planned is not among them."""
    known = {name: frozenset(labels) | OF_TARGETS for name, labels in FOREIGN.items()}
    for metric in catalogue():
        if metric.waits_for is not None:
            continue
        own = frozenset(metric.labels) | OF_TARGETS
        if metric.kind is Kind.HISTOGRAM:
            known |= {f"{metric.name}_bucket": own | {"le"}, f"{metric.name}_sum": own, f"{metric.name}_count": own}
        else:
            known[metric.name] = own
    for rule in recorded():
        # What is made of recorded series has their labels.
        sources = [known.get(name, frozenset()) for name in promql.metrics(rule["expr"]) if ":" in name]
        known[rule["record"]] = _labels_of(rule).union(known.get(rule["record"], ()), *sources)
    return known


def recorded() -> list[Any]:
    """Return the recording rules."""
    return [rule for rule in rules() if "record" in rule]


def alerts() -> list[Any]:
    """Return the alerting rules."""
    return [rule for rule in rules() if "alert" in rule]


@lru_cache(maxsize=1)
def rules() -> list[Any]:
    """Return every rule, in the order of the files."""
    groups = [group for path in sorted(RULES.glob("*.yml")) for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def _labels_of(rule: Any) -> frozenset[str]:
    return frozenset(promql.labels(rule["expr"])) | frozenset(rule.get("labels", ()))


def unknown(expression: str) -> list[str]:
    """Return what an expression names and nobody exports: metrics first, then labels that its metrics do not have."""
    named = sorted(promql.metrics(expression))
    metrics = [name for name in named if name not in series()]
    if metrics:
        return metrics
    has = frozenset().union(*(series()[name] for name in named))
    return sorted(promql.labels(expression) - has)
