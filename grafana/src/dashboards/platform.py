"""The platform: whether Redis, PostgreSQL and the monitoring itself are well."""

from grafana.src.model import Dashboard, Unit
from grafana.src.panels import query, rising, row, timeseries
from grafana.src.variables import ANY_JOB, INSTANCE

NO_REDIS_EXPORTER = "needs the Redis exporter"
NO_POSTGRES_EXPORTER = "needs the PostgreSQL exporter"

DASHBOARD = Dashboard(
    uid="tutormax-platform",
    title="TutorMax / Redis, PostgreSQL and monitoring",
    description="Are Redis, PostgreSQL and the monitoring itself well?",
    variables=(ANY_JOB, INSTANCE),
    rows=(
        row(
            timeseries(
                "Answers to the exporter",
                "Do the broker and PostgreSQL answer us?",
                Unit.BOOLEAN,
                query("max(dramatiq_broker_up{$scope})", "broker"),
                query("max(tutormax_database_up{$scope})", "PostgreSQL"),
                minimum=0,
                maximum=1,
            ),
            timeseries(
                "Time of a look",
                "Does the broker or PostgreSQL answer slowly?",
                Unit.SECONDS,
                query("max by (instance) (dramatiq_broker_read_duration_seconds{$scope})", "{{instance}} broker"),
                query("max by (instance) (tutormax_database_read_duration_seconds{$scope})", "{{instance}} PostgreSQL"),
                minimum=0,
            ),
            timeseries(
                "Redis memory",
                "Will Redis run full? A limit of 0 means none.",
                Unit.BYTES,
                query("redis_memory_used_bytes{$scope}", "{{instance}} used"),
                query("redis_memory_max_bytes{$scope}", "{{instance}} limit"),
                minimum=0,
                when_empty=NO_REDIS_EXPORTER,
            ),
        ),
        row(
            timeseries(
                "Redis commands",
                "Who loads Redis?",
                Unit.OPERATIONS,
                query("topk(8, sum by (cmd) (rate(redis_commands_total{$scope}[$__rate_interval])))", "{{cmd}}"),
                when_empty=NO_REDIS_EXPORTER,
            ),
            timeseries(
                "Redis clients",
                "Do we leak connections?",
                Unit.NUMBER,
                query("redis_connected_clients{$scope}", "{{instance}} connected"),
                query(
                    "rate(redis_rejected_connections_total{$scope}[$__rate_interval])", "{{instance}} refused a second"
                ),
                minimum=0,
                when_empty=NO_REDIS_EXPORTER,
            ),
            timeseries(
                "PostgreSQL connections, of those allowed",
                "Will PostgreSQL refuse us?",
                Unit.RATIO,
                query(
                    """
                    sum by (datname) (pg_stat_activity_count{$scope})
                    / on () group_left () max(pg_settings_max_connections{$scope})
                    """,
                    "{{datname}}",
                ),
                steps=rising(warning=0.7, bad=0.9),
                minimum=0,
                maximum=1,
                when_empty=NO_POSTGRES_EXPORTER,
            ),
        ),
        row(
            timeseries(
                "PostgreSQL transactions",
                "How busy is it, and how much rolls back?",
                Unit.OPERATIONS,
                query("sum(rate(pg_stat_database_xact_commit{$scope}[$__rate_interval]))", "committed"),
                query("sum(rate(pg_stat_database_xact_rollback{$scope}[$__rate_interval]))", "rolled back"),
                when_empty=NO_POSTGRES_EXPORTER,
            ),
            timeseries(
                "Longest PostgreSQL transaction",
                "Does something hold locks?",
                Unit.SECONDS,
                query("max by (datname) (pg_stat_activity_max_tx_duration{$scope})", "{{datname}}"),
                steps=rising(bad=600),
                minimum=0,
                when_empty=NO_POSTGRES_EXPORTER,
            ),
            timeseries(
                "Scrape time",
                "Is a target slow to answer?",
                Unit.SECONDS,
                query("max by (job) (scrape_duration_seconds{$scope})", "{{job}}"),
                minimum=0,
            ),
        ),
        row(
            timeseries(
                "Samples of a target",
                "Do labels grow? At 5,000 a worker's scrape is refused.",
                Unit.NUMBER,
                query("max by (job) (scrape_samples_post_metric_relabeling{$scope})", "{{job}}"),
                steps=rising(bad=4000),
                minimum=0,
            ),
            timeseries(
                "Rules that fail",
                "Are the rules themselves broken?",
                Unit.NUMBER,
                query("sum(increase(prometheus_rule_evaluation_failures_total{$scope}[$__rate_interval]))", "failures"),
                minimum=0,
            ),
            timeseries(
                "Notifications lost",
                "Do alerts leave Prometheus?",
                Unit.NUMBER,
                query("sum(increase(prometheus_notifications_dropped_total{$scope}[$__rate_interval]))", "dropped"),
                query("sum(increase(prometheus_notifications_errors_total{$scope}[$__rate_interval]))", "failed"),
                minimum=0,
            ),
        ),
    ),
)
