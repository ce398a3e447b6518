"""What only a RabbitMQ can say of our use of it: `make verify-rabbitmq`.

Named so that `make test` does not collect it: whoever has no RabbitMQ shall see no test fail.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from uuid import uuid4

import pika
import pytest
from prometheus_client import CollectorRegistry

from tests.doctor.found import found
from tests.faults.harness import ROOT, Worker, eventually, left, relaying, states
from tests.faults.rabbitmq import RabbitMQ
from tests.jobs import probes
from tutormax import broker, db, settings
from tutormax.broker import BrokerAwayError, Carrier, open_carrier
from tutormax.broker.carrier import Parcel
from tutormax.broker.rabbitmq import MOST_DOORBELLS, parameters, queue_name
from tutormax.doctor import Level, brokers
from tutormax.exporter.collector import StoreCollector
from tutormax.exporter.stores import Stores
from tutormax.jobs import ring
from tutormax.probes import Stores as Probes

QUEUE = probes.QUEUE


@pytest.fixture(scope="module")
def server() -> Iterator[RabbitMQ]:
    """A RabbitMQ that soon loses patience with whoever holds a message."""
    made = RabbitMQ("-rabbit channel_tick_interval 1000", consumer_timeout=3000)
    yield made
    made.close()


@pytest.fixture
def carrier(server: RabbitMQ) -> Iterator[Carrier]:
    """A connection to it, and no doorbells."""
    made = open_carrier(server.url)
    made.flush(QUEUE)
    yield made
    made.close()


@pytest.fixture
def configured(server: RabbitMQ, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[RabbitMQ]:
    """It, as this process' broker; of Redis there is none."""
    assert database
    monkeypatch.setenv("DRAMATIQ_BROKER_URL", server.url)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    settings.current.cache_clear()
    bell = broker.DoorbellBroker()
    ring.use(bell)
    with db.transaction() as connection:
        probes.make_effects(connection)
    yield server
    ring.use(None)
    bell.close()
    settings.current.cache_clear()


def test_an_urgent_doorbell_overtakes_those_that_wait(server: RabbitMQ, carrier: Carrier) -> None:
    carrier.push([Parcel(QUEUE, b"1"), Parcel(QUEUE, b"2"), Parcel(QUEUE, b"urgent", urgent=True)])

    eventually(lambda: carrier.waiting([QUEUE])[QUEUE] == 3)
    with pika.BlockingConnection(parameters(server.url, answer_seconds=5, name="test")) as connection:
        channel = connection.channel()
        bodies = [channel.basic_get(queue_name(QUEUE), auto_ack=True)[2] for _ in range(3)]
    assert bodies == [b"urgent", b"1", b"2"]


def test_doorbells_never_pile_up(carrier: Carrier) -> None:
    carrier.push([Parcel(QUEUE, b"x")] * (MOST_DOORBELLS + 500))

    eventually(lambda: carrier.waiting([QUEUE])[QUEUE] == MOST_DOORBELLS)
    time.sleep(0.5)
    assert carrier.waiting([QUEUE])[QUEUE] == MOST_DOORBELLS


def test_a_queue_that_nobody_declared_holds_nothing_and_breaks_nothing(carrier: Carrier) -> None:
    assert carrier.waiting(["never_seen", QUEUE]) == {"never_seen": 0, QUEUE: 0}
    carrier.ping()


def test_a_connection_outlives_idleness_and_is_made_anew_after_a_cut(server: RabbitMQ, carrier: Carrier) -> None:
    carrier.ping()
    # Longer than RabbitMQ waits for two heartbeats.
    time.sleep(25)
    carrier.ping()
    server.cut()

    def answers() -> bool:
        try:
            carrier.ping()
        except BrokerAwayError:
            return False
        return True

    eventually(answers, seconds=5)


def test_a_rabbitmq_that_hangs_holds_nobody_up(server: RabbitMQ) -> None:
    hasty = open_carrier(server.url, answer_seconds=1)
    hasty.ping()
    server.freeze()
    started = time.monotonic()
    with pytest.raises(BrokerAwayError, match="no answer within 1 s"):
        hasty.waiting([QUEUE])
    waited = time.monotonic() - started
    server.thaw()
    hasty.close()

    assert waited < 5


def test_a_job_that_outlasts_the_patience_of_rabbitmq_runs_once(configured: RabbitMQ) -> None:
    probes.leave_mark.send("long", 9.0)
    with relaying(), Worker(configured.url, threads=1):
        eventually(lambda: states() == {"done": 1})
        probes.leave_mark.send("next")
        eventually(lambda: states() == {"done": 2})

    assert left() == ["long", "next"]


def test_exporter_and_probes_tell_the_truth_and_nothing_asks_for_redis(configured: RabbitMQ) -> None:
    probes.leave_mark.send("a")
    stores, asked = Stores(), Probes()
    there = _told(stores)
    ready = asked.ready()
    configured.freeze()
    hanging, unready = _told(stores), asked.ready()
    configured.thaw()
    stores.close()
    asked.close()

    assert there["dramatiq_broker_up"] == 1
    assert "tutormax_queue_doorbells" in there
    assert ready == (True, {"postgresql": "ok", "broker": "ok"})
    assert hanging["dramatiq_broker_up"] == 0
    assert "tutormax_queue_doorbells" not in hanging
    assert unready[0] is False
    assert unready[1]["postgresql"] == "ok"


def _told(stores: Stores) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(StoreCollector(stores))
    return {sample.name: sample.value for family in registry.collect() for sample in family.samples}


@pytest.mark.usefixtures("configured")
def test_the_doctor_finds_nothing_wrong() -> None:
    findings = found(brokers.examine())

    assert {name: finding.level for name, finding in findings.items()} == {
        "broker": Level.WELL,
        "rights on the broker": Level.WELL,
    }


def test_the_doctor_finds_a_user_without_rights_and_a_wrong_password(
    configured: RabbitMQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"patient-{uuid4().hex[:6]}"
    configured.control("add_user", name, "secret")
    configured.control("set_permissions", name, "^$", "^$", "^$")

    def levels(password: str) -> dict[str, Level]:
        monkeypatch.setenv("DRAMATIQ_BROKER_URL", f"amqp://{name}:{password}@127.0.0.1:{configured.port}/")
        settings.current.cache_clear()
        return {finding.name: finding.level for finding in brokers.examine()}

    assert levels("secret") == {"broker": Level.WELL, "rights on the broker": Level.FAULT}
    assert levels("wrong") == {"broker": Level.FAULT}


def test_the_rights_that_the_doctor_asks_for_are_enough_for_a_worker(configured: RabbitMQ) -> None:
    ours = r"^tutormax\.doorbells\."
    configured.control("add_user", "worker", "secret")
    configured.control("set_permissions", "worker", ours, rf"{ours}|^amq\.default$", ours)
    url = f"amqp://worker:secret@127.0.0.1:{configured.port}/"
    probes.leave_mark_and_send.send("a")

    with Worker(url), relaying():
        eventually(lambda: states() == {"done": 2})
    doctor = subprocess.run(
        [sys.executable, "-m", "tutormax", "doctor", "--json"],
        cwd=ROOT,
        env=os.environ | {"DRAMATIQ_BROKER_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert '"name": "rights on the broker",\n    "level": "well"' in doctor.stdout
