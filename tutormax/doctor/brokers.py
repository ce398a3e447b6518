"""The broker: there, allowed to be used, and, where it is Redis, set up to lose no doorbell of its own accord."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import redis

from tutormax import broker, servers
from tutormax.broker import BrokerAwayError
from tutormax.broker.redis_lists import RedisLists
from tutormax.doctor import clocks
from tutormax.doctor.finding import Finding, Level, fault, first_line, judged, warning, well
from tutormax.errors import TutorMaxError

# Of a memory limit: beyond it Redis refuses doorbells soon.
MOST_MEMORY = 0.9
OLDEST_REDIS = (7, 0)
REACH = "start it, or correct DRAMATIQ_BROKER_URL or REDIS_URL; until then jobs wait in PostgreSQL, and none is lost"


def examine() -> Iterator[Finding]:
    """Look at the broker."""
    try:
        carrier = broker.open_carrier(servers.endpoints().broker_url, name="tutormax-doctor")
        with closing(carrier):
            yield from _look(carrier)
    except TutorMaxError as error:
        yield fault("broker", first_line(error), REACH)


def _look(carrier: broker.Carrier) -> Iterator[Finding]:
    carrier.ping()
    yield well("broker", f"{carrier.kind} answers")
    yield _rights(carrier)
    if isinstance(carrier, RedisLists):
        yield from _redis(carrier.client)


def _rights(carrier: broker.Carrier) -> Finding:
    try:
        carrier.try_out()
    except BrokerAwayError as error:
        remedy = "let its user push, pop, count and delete below tutormax:doorbells: (Redis: ~tutormax:doorbells:*)"
        if carrier.kind == "rabbitmq":
            remedy = r"let its user configure, write and read ^tutormax\.doorbells\. and write amq.default"
        return fault("rights on the broker", first_line(error), remedy)
    return well("rights on the broker", "a doorbell came and went")


def _redis(client: Any) -> Iterator[Finding]:
    try:
        asked = clocks.now()
        facts = client.info("server")
        told = datetime.fromtimestamp(facts["server_time_usec"] / 1e6, UTC)
        yield clocks.compared("redis", asked, told, clocks.now())
        facts |= client.info("memory") | client.info("replication")
    except redis.RedisError as error:
        yield warning("redis", f"does not tell about itself: {first_line(error)}", "allow its user +info")
        return
    yield _version(facts)
    yield _role(facts)
    yield _policy(facts)
    yield _memory(facts)


def _version(facts: Any) -> Finding:
    # A Valkey says which Redis it is compatible with, too.
    name, told = ("Valkey", facts["valkey_version"]) if "valkey_version" in facts else ("Redis", facts["redis_version"])
    major, minor, *_ = (int(part) for part in facts["redis_version"].split("."))
    said = f"{name} {told}"
    remedy = "upgrade it to 7.0 or newer: older ones are not tested"
    return judged("version of redis", said, {Level.WARNING: remedy if (major, minor) < OLDEST_REDIS else None})


def _role(facts: Any) -> Finding:
    role = facts["role"]
    remedy = "name the primary: a replica takes no doorbells"
    return judged("role of redis", role, {Level.FAULT: remedy if role != "master" else None})


def _policy(facts: Any) -> Finding:
    policy = facts["maxmemory_policy"]
    remedy = "redis-cli config set maxmemory-policy noeviction: what it evicts, it forgets to tell the workers"
    unsafe = policy != "noeviction" and facts["maxmemory"] > 0
    return judged(
        "policy of redis",
        f"{policy}, append-only file irrelevant: doorbells may be lost",
        {
            Level.FAULT: remedy if unsafe else None,
            Level.WARNING: remedy if policy != "noeviction" else None,
        },
    )


def _memory(facts: Any) -> Finding:
    used, most = facts["used_memory"], facts["maxmemory"]
    said = f"{used // 2**20:,} MB used, {f'at most {most // 2**20:,} MB' if most else 'no limit'}"
    remedy = "raise maxmemory, or find who fills it: redis-cli --bigkeys"
    return judged("memory of redis", said, {Level.FAULT: remedy if most and used > MOST_MEMORY * most else None})
