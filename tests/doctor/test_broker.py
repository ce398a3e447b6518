"""The doctor looks at the broker: a Redis that is away, full, a replica, forgetful or too strict."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.doctor.found import found
from tests.faults.harness import Redis
from tutormax import servers, settings
from tutormax.doctor import Finding, Level, brokers


@pytest.fixture(scope="module")
def server() -> Iterator[Redis]:
    """A Redis of these tests."""
    made = Redis()
    yield made
    made.close()


@pytest.fixture
def own(server: Redis, endpoints: servers.Endpoints, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """It, as it came, and as the broker of this process."""
    assert endpoints.database_url
    be(monkeypatch, server.url)
    yield server
    client: Any = server.client()
    client.config_set("maxmemory", 0)
    client.config_set("maxmemory-policy", "noeviction")
    client.execute_command("replicaof", "no", "one")
    client.acl_deluser("patient")
    settings.current.cache_clear()


def be(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Let this process have this broker."""
    monkeypatch.setenv("DRAMATIQ_BROKER_URL", url)
    settings.current.cache_clear()


def be_patient(own: Redis, monkeypatch: pytest.MonkeyPatch, *rights: str, password: str = "secret") -> None:  # noqa: S107
    """Be a user with these rights only."""
    client: Any = own.client()
    client.execute_command("acl", "setuser", "patient", "on", ">secret", "~tutormax:doorbells:*", *rights)
    be(monkeypatch, own.url.replace("//", f"//patient:{password}@"))


def looked() -> dict[str, Finding]:
    return found(brokers.examine())


def ill(findings: dict[str, Finding]) -> dict[str, Level]:
    return {name: finding.level for name, finding in findings.items() if finding.level is not Level.WELL}


def test_where_all_is_well_every_fact_is_told_and_nothing_stays(own: Redis) -> None:
    findings = looked()

    assert ill(findings) == {}
    assert findings.keys() == {
        "broker",
        "rights on the broker",
        "clock of redis",
        "version of redis",
        "role of redis",
        "policy of redis",
        "memory of redis",
    }
    assert own.client().dbsize() == 0


def test_a_broker_that_is_away_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    be(monkeypatch, "redis://127.0.0.1:1/0")

    findings = looked()
    settings.current.cache_clear()

    assert ill(findings) == {"broker": Level.FAULT}
    assert "refused" in findings["broker"].said


def test_a_policy_that_evicts_is_a_warning_and_with_a_limit_a_fault(own: Redis) -> None:
    own.client().config_set("maxmemory-policy", "allkeys-lru")
    without_limit = ill(looked())
    own.client().config_set("maxmemory", "500mb")

    assert without_limit == {"policy of redis": Level.WARNING}
    assert ill(looked()) == {"policy of redis": Level.FAULT}


def test_a_full_redis_is_a_fault_that_takes_no_doorbells(own: Redis) -> None:
    own.client().config_set("maxmemory", "1mb")

    assert ill(looked()) == {"rights on the broker": Level.FAULT, "memory of redis": Level.FAULT}


def test_a_replica_is_a_fault_that_takes_no_doorbells(own: Redis) -> None:
    client: Any = own.client()
    client.execute_command("replicaof", "127.0.0.1", "1")

    assert ill(looked()) == {"rights on the broker": Level.FAULT, "role of redis": Level.FAULT}


def test_a_user_that_may_not_push_is_a_fault(own: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    be_patient(own, monkeypatch, "+@all", "-rpush")

    findings = looked()

    assert ill(findings) == {"rights on the broker": Level.FAULT}
    assert "rpush" in findings["rights on the broker"].said


def test_a_redis_that_does_not_tell_about_itself_is_a_warning(own: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    be_patient(own, monkeypatch, "+@all", "-info")

    assert ill(looked()) == {"redis": Level.WARNING}


def test_a_wrong_password_is_a_fault(own: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    be_patient(own, monkeypatch, "+@all", password="not-the-secret")  # noqa: S106  # of this test's own server

    findings = looked()

    assert ill(findings) == {"broker": Level.FAULT}
    assert "not-the-secret" not in findings["broker"].said
