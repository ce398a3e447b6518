"""What `up --observe` starts, and what it says is missing."""

from pathlib import Path

import pytest

from tutormax.commands.observing import observers


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    """A directory with both configurations."""
    for name in ("prometheus", "alertmanager"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.yml").touch()
    return tmp_path


def installed(directory: Path, *names: str) -> str:
    """Put programs of these names below a directory; return where, as a PATH."""
    programs = directory / "bin"
    programs.mkdir()
    for name in names:
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    return str(programs)


def test_what_is_installed_is_started_with_our_configuration(
    deploy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", installed(tmp_path, "prometheus", "prometheus-alertmanager"))

    found = observers(tmp_path / "data", deploy)

    assert list(found.commands) == ["prometheus", "alertmanager"]
    assert f"--config.file={deploy}/prometheus/prometheus.yml" in found.commands["prometheus"]
    assert f"--storage.tsdb.path={tmp_path}/data/prometheus" in found.commands["prometheus"]
    assert "--enable-feature=exemplar-storage" in found.commands["prometheus"]
    # By itself it forgets after 15 days, and the budget of an objective is one of 28.
    assert "--storage.tsdb.retention.time=30d" in found.commands["prometheus"]
    assert found.commands["alertmanager"][0] == str(tmp_path / "bin" / "prometheus-alertmanager")
    assert [line.split()[0] for line in found.look] == ["Prometheus", "Alertmanager"]
    assert found.missing == ()


def test_alertmanager_may_have_its_own_name(deploy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", installed(tmp_path, "alertmanager"))

    assert list(observers(tmp_path, deploy).commands) == ["alertmanager"]


def test_what_is_not_installed_is_said(deploy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    found = observers(tmp_path, deploy)

    assert found.commands == {}
    assert found.missing == (
        "Prometheus is not installed: no prometheus in PATH.",
        "Alertmanager is not installed: no prometheus-alertmanager or alertmanager in PATH.",
    )


def test_a_configuration_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", installed(tmp_path, "prometheus"))

    assert "has no configuration" in observers(tmp_path, tmp_path).missing[0]
