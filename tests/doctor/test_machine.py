"""The doctor looks at this machine: versions, settings, disk."""

from pathlib import Path

from tests.doctor.found import found, said
from tutormax import settings
from tutormax.doctor import Level, machine


def test_an_interpreter_that_is_too_old_or_too_new_is_a_fault() -> None:
    assert found(machine.versions(python=(3, 10, 14)))["versions"].level is Level.FAULT
    assert found(machine.versions(python=(3, 14, 0)))["versions"].level is Level.FAULT
    assert found(machine.versions())["versions"].level is Level.WELL


def test_a_library_of_another_version_is_a_warning_and_a_missing_one_a_fault(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("dramatiq==0.0.1 \\\n    --hash=sha256:00\n")
    other = found(machine.versions(lock))["libraries"]
    lock.write_text("no-such-library==1.0 \\\n    --hash=sha256:00\n")
    missing = found(machine.versions(lock))["libraries"]

    assert found(machine.versions())["libraries"].level is Level.WELL
    assert (other.level, "not 0.0.1" in other.said) == (Level.WARNING, True)
    assert (missing.level, missing.said) == (Level.FAULT, "not installed: no-such-library")


def test_a_wrong_setting_is_a_fault_that_names_it() -> None:
    findings, code = said(TUTORMAX_METRICS_PORTS="9500-9400")

    assert code == 1
    assert findings["settings"]["level"] == "fault"
    assert "TUTORMAX_METRICS_PORTS='9500-9400'" in findings["settings"]["said"]


def test_a_misspelt_setting_is_a_warning_that_says_what_may_be_meant() -> None:
    environment = {"TUTORMAX_DATADIR": "x", "WORKER_BATCH": "1", "TUTORMAX_LOG_JSON": "true", "DATABASE_URL_FILE": "y"}

    findings = found(machine.misspelt(environment))

    assert findings.keys() == {"setting TUTORMAX_DATADIR", "setting WORKER_BATCH"}
    assert findings["setting TUTORMAX_DATADIR"].remedy == "unset it; it may mean TUTORMAX_DATA_DIR"


def test_what_is_all_but_the_name_of_a_server_is_a_warning() -> None:
    wrong = {"REDIS_URI", "REDIS_ULR", "DATABSE_URL", "DATABASE_URI", "POSTGRES_PASS", "POSTGRESQL_HOST"}

    findings = found(machine.misspelt(dict.fromkeys(wrong, "x")))

    assert findings.keys() == {f"setting {name}" for name in wrong}
    assert findings["setting REDIS_URI"].remedy == "it may mean REDIS_URL; leave it if another program reads it"


def test_what_other_programs_call_theirs_is_no_warning() -> None:
    theirs = {
        *("POSTGRES_PASSWORD_FILE", "POSTGRES_INITDB_ARGS", "POSTGRES_HOST_AUTH_METHOD", "POSTGRES_SERVICE_HOST"),
        *("REDIS_ADDR", "REDIS_USER", "REDIS_PASSWORD_FILE", "REDIS_PORT", "REDIS_TLS_URL", "REDIS_SERVICE_PORT"),
        *("DATABASE_NAME", "TEST_DATABASE_URL", "CELERY_BROKER_URL", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
    }

    assert found(machine.misspelt(dict.fromkeys(theirs, "x"))) == {}


def test_a_place_that_cannot_be_written_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    limits = settings.load(WORKER_MODEL_SAVE_PATH=str(tmp_path / "file" / "models"))

    finding = found(machine.disk(limits))["disk for models"]

    assert finding.level is Level.FAULT
    assert "Not a directory" in finding.said


def test_little_room_is_a_warning_and_hardly_any_a_fault() -> None:
    limits = settings.load()

    levels = [
        found(machine.disk(limits, scarce=scarce, full=full))["disk for models"].level
        for scarce, full in ((0, 0), (2**60, 0), (2**60, 2**60))
    ]

    assert levels == [Level.WELL, Level.WARNING, Level.FAULT]
