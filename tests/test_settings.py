"""Settings: every wrong value stops the start and says which, what it was and what would be right."""

from pathlib import Path

import pytest

from tutormax import settings
from tutormax.secret_files import SecretFileError
from tutormax.settings import InvalidSettingsError

SERVERS = ("DATABASE_URL", "REDIS_URL", "DRAMATIQ_BROKER_URL", "POSTGRES_HOST")


@pytest.fixture(autouse=True)
def beside_an_embedded_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test name one server without the other."""
    monkeypatch.setenv("TUTORMAX_DATA_DIR", "here")


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("WORKER_CHURN_BATCH_SIZE", "0", "greater than 0"),
        ("WORKER_CHURN_BATCH_SIZE", "many", "integer"),
        ("WORKER_MODEL_TRAINING_TEST_SPLIT", "0.9", "less than 0.5"),
        ("WORKER_CHURN_PREDICTION_THRESHOLD", "nan", "less than 1"),
        ("TUTORMAX_SCHEDULE_TIMEZONE", "Mars/Olympus", "America/New_York"),
        ("TUTORMAX_METRICS_PORTS", "9500-9400", "9400-9463"),
        ("TUTORMAX_LOG_LEVEL", "LOUD", "INFO"),
        ("TUTORMAX_TRAINING_DEVICE", "gpu", "cuda"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(InvalidSettingsError) as refused:
        settings.load()

    assert f"{variable}={value!r}" in str(refused.value)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"TUTORMAX_RETENTION_DAYS": "200"}, "TUTORMAX_TRAIN_HISTORY_DAYS"),
        ({"TUTORMAX_JOB_LEASE_SECONDS": "1"}, "TUTORMAX_RING_AGAIN_SECONDS"),
        ({"TUTORMAX_RELAY_INTERVAL_SECONDS": "30"}, "TUTORMAX_RELAY_INTERVAL_SECONDS"),
        ({"WORKER_DATA_GEN_BATCH_SIZE": "1"}, "WORKER_DATA_GEN_SESSIONS_PER_DAY"),
    ],
)
def test_values_that_are_unsafe_together_are_refused(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], told: str
) -> None:
    for variable, value in changes.items():
        monkeypatch.setenv(variable, value)

    with pytest.raises(InvalidSettingsError, match=told):
        settings.load()


@pytest.mark.parametrize(
    ("variable", "value", "missing"),
    [
        ("DATABASE_URL", "postgresql://localhost/tutormax", "REDIS_URL or DRAMATIQ_BROKER_URL"),
        ("POSTGRES_HOST", "localhost", "REDIS_URL or DRAMATIQ_BROKER_URL"),
        ("REDIS_URL", "redis://localhost", r"DATABASE_URL \(or POSTGRES_HOST\)"),
        ("DRAMATIQ_BROKER_URL", "amqp://localhost", r"DATABASE_URL \(or POSTGRES_HOST\)"),
    ],
)
def test_a_server_of_yours_is_not_joined_by_an_embedded_one_that_no_other_host_sees(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, missing: str
) -> None:
    for name in (*SERVERS, "TUTORMAX_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)

    with pytest.raises(
        InvalidSettingsError, match=f"{missing} is missing .*TUTORMAX_DATA_DIR where an embedded one is meant"
    ):
        settings.load()
    monkeypatch.setenv("TUTORMAX_DATA_DIR", "here")
    assert settings.load().data_dir == Path("here")


def test_secrets_are_not_shown_even_when_they_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD", "s3cret")
    monkeypatch.setenv("POSTGRES_HOST", "db.example")

    made = settings.load()

    assert "s3cret" not in repr(made)
    assert made.external_database_url is not None


def test_a_password_with_special_signs_survives_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("POSTGRES_HOST", "db.example")
    monkeypatch.setenv("POSTGRES_PASSWORD", "a/b@c:d")

    monkeypatch.setenv("TUTORMAX_PLAINTEXT_HOSTS", "db.example")

    assert (
        settings.load().external_database_url == "postgresql+psycopg://tutormax:a%2Fb%40c%3Ad@db.example:5432/tutormax"
    )


def test_every_setting_is_described() -> None:
    assert [name for name, field in settings.Settings.model_fields.items() if not field.description] == []


def test_a_secret_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("of the file\n")
    monkeypatch.delenv("POSTGRES_PASSWORD", raising=False)
    monkeypatch.setenv("POSTGRES_PASSWORD_FILE", str(tmp_path / "password"))

    password = settings.load().postgres_password

    assert password is not None
    assert password.get_secret_value() == "of the file"


@pytest.mark.parametrize(
    ("held", "value", "told"),
    [
        (None, "", "No such file"),
        ("", "", "is an empty file"),
        ("redis://one", "redis://other", "REDIS_URL and REDIS_URL_FILE are both set"),
    ],
)
def test_a_file_that_cannot_be_meant_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, held: str | None, value: str, told: str
) -> None:
    if held is not None:
        (tmp_path / "url").write_text(held)
    monkeypatch.setenv("REDIS_URL", value)
    monkeypatch.setenv("REDIS_URL_FILE", str(tmp_path / "url"))

    with pytest.raises(SecretFileError, match=told):
        settings.load()


def test_what_is_no_secret_is_not_read_out_of_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TUTORMAX_LOG_LEVEL_FILE", str(tmp_path / "none"))

    assert settings.load().log_level == "INFO"


@pytest.mark.parametrize("wrong", ["nonsense", "mysql://a@b/c", "postgresql://a@b:port/c", "postgresql://a@b:99999/c"])
def test_a_url_that_names_no_postgresql_is_refused_without_its_password(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", wrong)

    with pytest.raises(InvalidSettingsError, match=r"DATABASE_URL=\(hidden\): is no PostgreSQL"):
        settings.load()


@pytest.mark.parametrize(
    "right", ["postgres://a@b/c", "postgresql://a:p@b:5432/c", "postgresql+psycopg://a@/c?host=/tmp/sockets"]
)
def test_a_url_that_names_a_postgresql_is_taken(right: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", right)
    monkeypatch.setenv("TUTORMAX_PLAINTEXT_HOSTS", "b")

    assert str(settings.load().external_database_url).startswith("postgresql+psycopg://")
