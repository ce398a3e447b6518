"""Workers: whether they are up, busy, leaking or stuck."""

from grafana.src.model import Dashboard, Unit
from grafana.src.panels import query, rising, row, state_timeline, table, timeseries
from grafana.src.variables import SERVICE, WHERE

CHOSEN = '$scope, service=~"$service"'

DASHBOARD = Dashboard(
    uid="tutormax-workers",
    title="TutorMax / Workers",
    description="Are the workers up, busy, leaking or stuck?",
    variables=(*WHERE, SERVICE),
    rows=(
        row(
            timeseries(
                "Processes by state",
                "How many processes are up, draining or lost?",
                Unit.NUMBER,
                query(
                    'max by (service, state) (dramatiq_worker_processes{$scope, service=~"$service"})',
                    "{{service}} {{state}}",
                ),
                query(
                    'max by (service) (tutormax_processes_without_metrics{$scope, service=~"$service"})',
                    "{{service}} without metrics",
                ),
                minimum=0,
            ),
            state_timeline(
                "Up or down",
                "Which process died, and when?",
                query(f"max by (service, instance) (up{{{CHOSEN}}})", "{{service}} {{instance}}"),
                good="up",
                bad="down",
            ),
        ),
        row(
            timeseries(
                "Running against threads",
                "Are all threads busy?",
                Unit.NUMBER,
                query(f"sum(dramatiq_messages_inprogress{{{CHOSEN}}})", "running"),
                query(f"sum(dramatiq_worker_threads{{{CHOSEN}}})", "threads"),
                minimum=0,
            ),
            timeseries(
                "Seconds since a consumer came round",
                "Is a consumer stuck?",
                Unit.SECONDS,
                query(
                    f"time() - max by (instance) (dramatiq_worker_last_poll_timestamp_seconds{{{CHOSEN}}})",
                    "{{instance}}",
                ),
                steps=rising(bad=120),
                minimum=0,
            ),
        ),
        row(
            timeseries(
                "Processor time",
                "Is a process bound by its processor? More than 1 needs work outside the interpreter's lock.",
                Unit.RATIO,
                query("rate(process_cpu_seconds_total{$scope}[$__rate_interval])", "{{job}} {{instance}}"),
                minimum=0,
            ),
            timeseries(
                "Resident memory",
                "Does a process leak?",
                Unit.BYTES,
                query("process_resident_memory_bytes{$scope}", "{{job}} {{instance}}"),
                minimum=0,
            ),
        ),
        row(
            timeseries(
                "Open files, of those allowed",
                "Does a process leak connections?",
                Unit.RATIO,
                query("process_open_fds{$scope} / process_max_fds{$scope}", "{{job}} {{instance}}"),
                minimum=0,
                maximum=1,
            ),
            table(
                "Versions in service",
                "Is a roll-out half done?",
                Unit.NUMBER,
                query(f"count by (service, version, python) (dramatiq_worker_info{{{CHOSEN}}})", "processes"),
            ),
        ),
    ),
)
