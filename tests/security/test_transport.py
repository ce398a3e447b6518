"""Beyond this machine everything is encrypted, and certificates are checked: refused settings, and real handshakes."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from tests.faults.harness import Redis, Worker, eventually, left, states
from tests.jobs import probes
from tests.security.tls import Authority, endpoint, to_socket, to_tcp
from tutormax import broker, db, settings, transport
from tutormax.jobs import ring
from tutormax.settings import InvalidSettingsError

AWAY = "db.example"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://tutormax@/tutormax?host=/tmp/sockets",
        "postgresql://tutormax:secret@localhost:5432/tutormax",
        "postgresql://tutormax@127.0.0.1/tutormax?sslmode=disable",
        "postgresql://tutormax@[::1]/tutormax",
        "postgresql://tutormax@db.example/tutormax?sslmode=verify-full",
        "redis://127.8.0.1:6379/0",
        "unix:///run/valkey.sock",
        "rediss://user:secret@redis.example:6379/0?ssl_ca_certs=/etc/ca.pem",
        "amqps://user:secret@rabbit.example/%2F",
    ],
)
def test_what_stays_here_or_is_encrypted_is_well(url: str) -> None:
    assert transport.fault(url, []) is None


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://tutormax@db.example/tutormax", "speak to db.example without checking.*sslmode=verify-full"),
        ("postgresql://tutormax@db.example/tutormax?sslmode=require", "sslmode=verify-full"),
        ("postgresql://tutormax@db.example/tutormax?sslmode=verify-ca", "sslmode=verify-full"),
        ("postgresql://tutormax@localhost/tutormax?host=db.example", "db.example"),
        ("postgresql://tutormax@localhost/tutormax?hostaddr=10.0.0.7", "10.0.0.7"),
        ("postgresql://tutormax@/tutormax?host=/tmp/sockets,db.example", "to db.example"),
        ("redis://redis.example:6379/0", "redis.example in the clear: write rediss://"),
        ("redis://127.0.0.1.evil.example/0", "in the clear"),
        ("rediss://redis.example/0?ssl_cert_reqs=none", "leave out ssl_cert_reqs"),
        ("rediss://redis.example/0?ssl_check_hostname=False", "leave out ssl_check_hostname"),
        ("amqp://rabbit.example/", "write amqps://"),
        ("redis://0.0.0.0/0", "in the clear"),
    ],
)
def test_what_could_be_read_or_answered_by_others_is_refused(url: str, told: str) -> None:
    wrong = transport.fault(url, [])

    assert wrong is not None
    assert re.search(told, wrong)


def test_a_setting_that_would_speak_in_the_clear_stops_the_process_without_telling_its_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://tutormax:s3cret@db.example/tutormax")

    with pytest.raises(InvalidSettingsError, match=r"DATABASE_URL would speak to db\.example.*PLAINTEXT_HOSTS") as told:
        settings.load()

    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize("patterns", ["db.example", "other, *.example", "*"])
def test_hosts_may_be_named_that_need_no_encryption(monkeypatch: pytest.MonkeyPatch, patterns: str) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://tutormax@db.example/tutormax")
    monkeypatch.setenv("REDIS_URL", "redis://localhost")
    monkeypatch.setenv("TUTORMAX_PLAINTEXT_HOSTS", patterns)

    assert settings.load().external_database_url == "postgresql+psycopg://tutormax@db.example/tutormax"


def test_postgres_host_beyond_this_machine_means_a_checked_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("REDIS_URL", "redis://localhost")
    monkeypatch.setenv("POSTGRES_HOST", AWAY)
    monkeypatch.setenv("POSTGRES_CA", "/etc/ca.pem")

    url = make_url(str(settings.load().external_database_url))

    assert dict(url.query) == {"sslmode": "verify-full", "sslrootcert": "/etc/ca.pem"}


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    """The authority that we trust."""
    return Authority(tmp_path)


@pytest.fixture
def strangers(tmp_path: Path) -> Authority:
    """An authority that we do not."""
    return Authority(tmp_path)


@pytest.fixture
def plain_redis(database: str) -> Iterator[Redis]:
    """A Redis that knows no TLS."""
    assert database
    started = Redis()
    yield started
    ring.use(None)
    started.close()


def redis_url(port: int, authority: Authority, host: str = "localhost") -> str:
    return f"rediss://{host}:{port}/0?ssl_ca_certs={quote(str(authority.file))}"


def database_behind(database: str) -> str:
    """Return the path of the socket behind a URL of the embedded PostgreSQL."""
    return f"{make_url(database).query['host']}/.s.PGSQL.5432"


def database_url(database: str, port: int, authority: Authority) -> str:
    query = {"sslmode": "verify-full", "sslrootcert": str(authority.file)}
    url = make_url(database).set(host="localhost", port=port, query=query)
    return url.render_as_string(hide_password=False)


def test_a_worker_does_its_jobs_with_both_servers_behind_tls(
    database: str, plain_redis: Redis, ours: Authority
) -> None:
    with db.transaction() as connection:
        probes.make_effects(connection)
    with (
        endpoint(ours.context("localhost"), to_tcp(plain_redis.port)) as redis_port,
        endpoint(ours.context("localhost"), to_socket(database_behind(database)), postgres=True) as postgres_port,
    ):
        bell = broker.DoorbellBroker(redis_url(redis_port, ours))
        ring.use(bell)
        for number in range(10):
            probes.leave_mark.send(str(number))
        with Worker(redis_url(redis_port, ours), DATABASE_URL=database_url(database, postgres_port, ours)):
            eventually(lambda: states() == {"done": 10})
        bell.close()

    assert left() == sorted(map(str, range(10)))


@pytest.mark.parametrize("name", ["localhost", "elsewhere.example"])
def test_a_redis_that_cannot_prove_who_it_is_is_refused(
    plain_redis: Redis, ours: Authority, strangers: Authority, name: str
) -> None:
    signer = strangers if name == "localhost" else ours
    with endpoint(signer.context(name), to_tcp(plain_redis.port)) as port:
        client = redis.Redis.from_url(redis_url(port, ours))

        with pytest.raises(redis.ConnectionError, match="certificate verify failed"):
            client.ping()
        client.close()


@pytest.mark.parametrize("name", ["localhost", "elsewhere.example"])
def test_a_postgresql_that_cannot_prove_who_it_is_is_refused(
    database: str, ours: Authority, strangers: Authority, name: str
) -> None:
    signer = strangers if name == "localhost" else ours
    with endpoint(signer.context(name), to_socket(database_behind(database)), postgres=True) as port:
        engine = db.connect(database_url(database, port, ours))

        with pytest.raises(OperationalError, match=r"certificate verify failed|does not match host name"):
            engine.connect()
        engine.dispose()
