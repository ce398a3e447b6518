"""Every setting, typed and described; unsafe combinations are refused before anything starts."""

from functools import lru_cache
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from tutormax import transport
from tutormax.errors import PermanentError
from tutormax.secret_files import SecretFiles

LAST_PORT = 65535
REDIS_SCHEMES = ("redis://", "rediss://", "unix://")
RABBITMQ_SCHEMES = ("amqp://", "amqps://")
POSTGRESQL_SCHEMES = ("postgresql://", "postgres://", "postgresql+psycopg://")


class InvalidSettingsError(PermanentError):
    """One or more settings cannot be used; the text names each with its value and what would be right."""


class Settings(BaseSettings):
    """The configuration of one process, read once from the environment, `.env`, and files that hold secrets."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        env_prefix="TUTORMAX_",
    )

    # Servers: none named means embedded ones, started on demand.
    redis_url: SecretStr | None = Field(
        None,
        validation_alias="REDIS_URL",
        description="Redis of yours (redis://, rediss://, unix://); empty: embedded.",
    )
    broker_url: SecretStr | None = Field(
        None,
        validation_alias="DRAMATIQ_BROKER_URL",
        description="What carries doorbells instead of REDIS_URL: RabbitMQ (amqp://, amqps://), or another Redis.",
    )
    database_url: SecretStr | None = Field(
        None, validation_alias="DATABASE_URL", description="PostgreSQL of yours as one URL; wins over POSTGRES_*."
    )
    postgres_host: str | None = Field(
        None, validation_alias="POSTGRES_HOST", description="PostgreSQL host; empty, without DATABASE_URL: embedded."
    )
    postgres_port: int = Field(
        5432, validation_alias="POSTGRES_PORT", gt=0, le=LAST_PORT, description="PostgreSQL port."
    )
    postgres_user: str = Field("tutormax", validation_alias="POSTGRES_USER", description="PostgreSQL user.")
    postgres_password: SecretStr | None = Field(
        None, validation_alias="POSTGRES_PASSWORD", description="PostgreSQL password."
    )
    postgres_db: str = Field("tutormax", validation_alias="POSTGRES_DB", description="PostgreSQL database.")
    postgres_ca: Path | None = Field(
        None,
        validation_alias="POSTGRES_CA",
        description="Certificate of the authority that signed that of POSTGRES_HOST; empty: libpq's own place for it.",
    )
    plaintext_hosts: str = Field(
        "",
        description="Servers beyond this machine that may be spoken to without TLS: names, with * for any part of one.",
    )
    data_dir: Path = Field(
        Path(".tutormax"),
        description="Where embedded servers keep data, locks and logs; must be named for one beside a server of yours.",
    )

    # Work, under the names the product's brief gives.
    data_gen_batch_size: int = Field(
        100,
        validation_alias="WORKER_DATA_GEN_BATCH_SIZE",
        gt=0,
        description="Most sessions one generation batch writes.",
    )
    data_gen_interval_seconds: int = Field(
        60, validation_alias="WORKER_DATA_GEN_INTERVAL_SECONDS", ge=1, description="Seconds between generation batches."
    )
    data_gen_sessions_per_day: int = Field(
        3000, validation_alias="WORKER_DATA_GEN_SESSIONS_PER_DAY", gt=0, description="Sessions generated a day."
    )
    perf_eval_batch_size: int = Field(
        5000,
        validation_alias="WORKER_PERF_EVAL_BATCH_SIZE",
        gt=0,
        description="Most judgements that late facts correct in one transaction.",
    )
    churn_prediction_threshold: float = Field(
        0.5,
        validation_alias="WORKER_CHURN_PREDICTION_THRESHOLD",
        gt=0,
        lt=1,
        description="A 30-day probability above this is a predicted churn.",
    )
    churn_prediction_lookback_days: int = Field(
        30,
        validation_alias="WORKER_CHURN_PREDICTION_LOOKBACK_DAYS",
        gt=0,
        le=90,
        description="Days of behaviour shown beside a prediction; training history has its own setting.",
    )
    churn_batch_size: int = Field(
        100, validation_alias="WORKER_CHURN_BATCH_SIZE", gt=0, description="Tutors scored in one chunk."
    )
    model_training_min_samples: int = Field(
        100,
        validation_alias="WORKER_MODEL_TRAINING_MIN_SAMPLES",
        ge=10,
        description="Fewest labelled snapshots a model is trained on.",
    )
    model_training_test_split: float = Field(
        0.2,
        validation_alias="WORKER_MODEL_TRAINING_TEST_SPLIT",
        gt=0,
        lt=0.5,
        description="Newest share of the time range kept for validation.",
    )
    model_save_path: Path = Field(
        Path("output/models"), validation_alias="WORKER_MODEL_SAVE_PATH", description="Where models are published."
    )
    max_task_retries: int = Field(
        3, validation_alias="WORKER_MAX_TASK_RETRIES", ge=0, le=100, description="Tries after the first that failed."
    )
    retry_backoff_seconds: float = Field(
        60,
        validation_alias="WORKER_RETRY_BACKOFF",
        gt=0,
        description="Seconds before the first retry; each further one waits twice as long, at most an hour.",
    )

    # Work, ours.
    generation_enabled: bool = Field(False, description="Whether the timetable generates sessions continuously.")
    generation_seed: int = Field(7, ge=0, description="Seed of the synthetic marketplace.")
    generation_organization: str = Field(
        "synthetic marketplace",
        min_length=1,
        max_length=200,
        description="Synthetic organization that continuous generation writes to.",
    )
    churn_shard_size: int = Field(
        2000, gt=0, description="Tutors of one shard of batch scoring; of more, workers score shards side by side."
    )
    train_history_days: int = Field(210, ge=30, description="Days of snapshots a model learns from.")
    training_device: Literal["cpu", "cuda"] = Field(
        "cpu",
        description="Where models are learnt: cpu, or cuda for an NVIDIA GPU; without one training fails.",
    )
    train_freshness_minutes: int = Field(
        60, gt=0, description="A model replaces no other if the newest fact is older; more where files come once a day."
    )
    retention_days: int = Field(
        730, ge=180, description="Days that sessions, feedback, events, features and scores are kept."
    )
    schedule_timezone: str = Field("UTC", description="Zone in which daily schedules are read.")
    schedule_grace_seconds: float = Field(
        300,
        ge=0,
        description="How late a scheduled job may start, and run its time limit, before its schedule is missed.",
    )

    # The ledger.
    job_lease_seconds: float = Field(30, ge=1, description="How long a worker holds a job without renewing.")
    job_max_recoveries: int = Field(3, ge=1, description="Crashes after which a job is quarantined.")
    relay_interval_seconds: float = Field(1, gt=0, le=60, description="Seconds between looks for jobs to ring again.")
    relay_window: int = Field(2000, gt=0, description="Doorbells a queue may hold before the relay stops adding more.")
    ring_again_seconds: float = Field(6, gt=0, description="Least seconds between two rings of one job by the relay.")
    stuck_seconds: float = Field(
        60,
        gt=0,
        description="How long a job may outlive its time limit before its worker counts as stuck; it ends itself one "
        "lease later.",
    )
    statement_timeout_seconds: float = Field(60, gt=0, description="Longest statement outside an actor's own limit.")

    # Limits.
    queue_cap: int = Field(
        200_000, gt=0, description="Jobs that may wait on a queue before whoever asks for more is refused."
    )
    generation_jobs_per_minute: float = Field(
        125, gt=0, description="Generation jobs started in a minute, of each actor; what comes faster waits."
    )
    organization_most_running: int | None = Field(
        None, gt=0, description="Jobs of one organization that run at once; empty: any number."
    )
    organization_jobs_per_minute: float | None = Field(
        None, gt=0, description="Jobs of one organization started in a minute; empty: any number."
    )

    # What others see.
    metrics_host: str = Field("127.0.0.1", description="Address on which processes answer /metrics.")
    metrics_ports: str = Field(
        "9400-9463", description="Ports of which a worker or scheduler process takes the first free one."
    )
    metrics_address: str | None = Field(
        None,
        description="Host at which Prometheus finds this process; empty: TUTORMAX_METRICS_HOST, or the machine's name.",
    )
    exporter_port: int = Field(9399, gt=0, le=LAST_PORT, description="Port of the exporter.")
    service: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_.-]{1,40}$",
        description="Name of a group of processes in metrics; empty: a worker's only queue, else what it is.",
    )
    tracing_endpoint: str | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="OTLP endpoint (http://host:4318) that takes spans; empty: none are made.",
    )
    log_json: bool = Field(False, description="JSON log lines instead of readable ones.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severe line logged.")

    # Of whatever starts us, not ours to name.
    notify_socket: str | None = Field(
        None,
        validation_alias="NOTIFY_SOCKET",
        description="Where systemd wants to hear that a process is ready and lives; set by systemd.",
    )
    watchdog_microseconds: int | None = Field(
        None,
        validation_alias="WATCHDOG_USEC",
        gt=0,
        description="Microseconds of silence after which systemd ends a process; set by systemd.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let secrets come out of files, before `.env` is asked."""
        return init_settings, env_settings, SecretFiles(settings_cls), dotenv_settings, file_secret_settings

    @field_validator("broker_url", "redis_url")
    @classmethod
    def _a_server_that_we_speak_to(cls, value: SecretStr | None, asked: ValidationInfo) -> SecretStr | None:
        schemes = REDIS_SCHEMES if asked.field_name == "redis_url" else (*REDIS_SCHEMES, *RABBITMQ_SCHEMES)
        if value is not None and not value.get_secret_value().startswith(schemes):
            raise ValueError(f"is none of {', '.join(schemes)}")
        return value

    @field_validator("database_url")
    @classmethod
    def _a_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _names_a_server(value.get_secret_value(), POSTGRESQL_SCHEMES):
            raise ValueError("is no PostgreSQL; write it like postgresql://user:password@host:5432/database")
        return value

    @field_validator("schedule_timezone")
    @classmethod
    def _a_known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("is not a zone of the tz database; write one like America/New_York") from error
        return value

    @field_validator("metrics_ports")
    @classmethod
    def _a_range_of_ports(cls, value: str) -> str:
        first, _, last = value.partition("-")
        if not (first.isdigit() and (last or first).isdigit() and 0 < int(first) <= int(last or first) <= LAST_PORT):
            raise ValueError("is not a range of ports; write one like 9400-9463")
        return value

    @model_validator(mode="after")
    def _encrypted_beyond_this_machine(self) -> Self:
        broker = "DRAMATIQ_BROKER_URL" if self.broker_url else "REDIS_URL"
        for variable, url in (("DATABASE_URL", self.external_database_url), (broker, self.external_broker_url)):
            wrong = url and transport.fault(url, self._plaintext_hosts)
            if wrong:
                allowed = "name the host in TUTORMAX_PLAINTEXT_HOSTS if the network between them is yours alone"
                raise ValueError(f"{variable} {wrong}, or {allowed}")
        return self

    @model_validator(mode="after")
    def _both_servers_or_none(self) -> Self:
        named = {
            "DATABASE_URL (or POSTGRES_HOST)": self.external_database_url is not None,
            "REDIS_URL or DRAMATIQ_BROKER_URL": self.external_broker_url is not None,
        }
        # Each host would start one of its own beside the one that all share, and nobody would hear of it.
        if len(set(named.values())) > 1 and "data_dir" not in self.model_fields_set:
            [missing] = [variables for variables, there in named.items() if not there]
            raise ValueError(
                f"{missing} is missing beside the server that is named, and no other host would see one that this "
                "process starts: name it, or TUTORMAX_DATA_DIR where an embedded one is meant"
            )
        return self

    @property
    def _plaintext_hosts(self) -> list[str]:
        return [pattern.strip().lower() for pattern in self.plaintext_hosts.split(",") if pattern.strip()]

    @model_validator(mode="after")
    def _safe_together(self) -> Self:
        if self.ring_again_seconds >= self.job_lease_seconds * 4:
            raise ValueError(
                f"TUTORMAX_RING_AGAIN_SECONDS={self.ring_again_seconds:g} leaves a crashed job waiting: "
                f"keep it below four leases ({4 * self.job_lease_seconds:g})"
            )
        if self.relay_interval_seconds > self.ring_again_seconds:
            raise ValueError(
                f"TUTORMAX_RELAY_INTERVAL_SECONDS={self.relay_interval_seconds:g} must not exceed "
                f"TUTORMAX_RING_AGAIN_SECONDS={self.ring_again_seconds:g}"
            )
        if self.retention_days < self.train_history_days + 120:
            raise ValueError(
                f"TUTORMAX_RETENTION_DAYS={self.retention_days} forgets what training reads: at least "
                f"TUTORMAX_TRAIN_HISTORY_DAYS + 120 = {self.train_history_days + 120}"
            )
        if self.data_gen_batch_size * 86400 / self.data_gen_interval_seconds < self.data_gen_sessions_per_day:
            raise ValueError(
                f"WORKER_DATA_GEN_SESSIONS_PER_DAY={self.data_gen_sessions_per_day} cannot be reached with batches of "
                f"WORKER_DATA_GEN_BATCH_SIZE={self.data_gen_batch_size} every "
                f"WORKER_DATA_GEN_INTERVAL_SECONDS={self.data_gen_interval_seconds}"
            )
        return self

    @property
    def external_database_url(self) -> str | None:
        """The PostgreSQL that was named, as a psycopg URL; None when the embedded one serves."""
        if self.database_url is not None:
            url = self.database_url.get_secret_value()
            scheme, separator, rest = url.partition("://")
            return f"postgresql+psycopg://{rest}" if separator and scheme.startswith("postgres") else url
        if self.postgres_host is None:
            return None
        password = f":{quote(self.postgres_password.get_secret_value(), safe='')}" if self.postgres_password else ""
        host = f"{self.postgres_host}:{self.postgres_port}"
        url = f"postgresql+psycopg://{quote(self.postgres_user, safe='')}{password}@{host}/{self.postgres_db}"
        # Where it would otherwise be refused, it is what was meant.
        if transport.fault(url, self._plaintext_hosts):
            url += "?sslmode=verify-full" + (f"&sslrootcert={quote(str(self.postgres_ca))}" if self.postgres_ca else "")
        return url

    @property
    def external_broker_url(self) -> str | None:
        """What was named to carry doorbells; None when the embedded Valkey does."""
        named = self.broker_url or self.redis_url
        return None if named is None else named.get_secret_value()

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which daily schedules are read."""
        return ZoneInfo(self.schedule_timezone)


def _names_a_server(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        # The port is looked at only when it is asked for.
        return url.startswith(schemes) and urlsplit(url).port != 0
    except ValueError:
        return False


def variable_of(field: str) -> str:
    """Return the environment variable that sets one field."""
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"TUTORMAX_{field.upper()}"


def load(**overrides: object) -> Settings:
    """Read the settings; raise InvalidSettingsError naming every wrong one, its value and what would be right."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # validated by pydantic itself
    except ValidationError as error:
        raise InvalidSettingsError("\n".join(_sentence(detail) for detail in error.errors())) from None


def _sentence(detail: object) -> str:
    if not isinstance(detail, dict):
        return str(detail)
    message = str(detail["msg"]).removeprefix("Value error, ")
    if not detail["loc"]:
        return message
    name = str(detail["loc"][0])
    variable = variable_of(name) if name in Settings.model_fields else name
    secret = any(word in variable for word in ("PASSWORD", "URL"))
    return f"{variable}={'(hidden)' if secret else repr(detail['input'])}: {message}"


@lru_cache(maxsize=1)
def current() -> Settings:
    """Return the settings of this process, read on first use."""
    return load()
