"""Secrets and .env for compose.yml, made once; Python's own library only.

python3 deploy/compose/prepare.py                       doorbells through Redis
python3 deploy/compose/prepare.py --broker rabbitmq     doorbells through RabbitMQ

Writes secrets/ and .env beside it, both ignored by git; what is there stays as it is, so that running
it again changes nothing. Delete the folder for new passwords, and the volumes with it: PostgreSQL keeps its old ones.
"""

import argparse
import hashlib
import json
import secrets
from pathlib import Path

HERE = Path(__file__).resolve().parent
USERS = HERE.parent / "redis" / "users.acl"


def files(broker: str) -> dict[str, str]:
    """Return the text of every secret, by the name of its file."""
    passwords = {
        name: secrets.token_urlsafe(24)
        for name in ("postgres", "tutormax", "monitor", "redis", "redis_exporter", "rabbitmq", "grafana")
    }
    brokers = {
        "redis": f"redis://tutormax:{passwords['redis']}@redis:6379/0",
        "rabbitmq": f"amqp://tutormax:{passwords['rabbitmq']}@rabbitmq:5672/%2F",
    }
    return {
        "postgres_password": passwords["postgres"],
        "tutormax_password": passwords["tutormax"],
        "monitor_password": passwords["monitor"],
        "grafana_password": passwords["grafana"],
        "database_url": f"postgresql://tutormax:{passwords['tutormax']}@postgres:5432/tutormax",
        "broker_url": brokers[broker],
        "redis_users": users(passwords["redis"], passwords["redis_exporter"]),
        # Releases of the exporter differ in whether the user belongs to the name.
        "redis_exporter_passwords": json.dumps(
            dict.fromkeys(("redis://exporter@redis:6379", "redis://redis:6379"), passwords["redis_exporter"])
        ),
        "rabbitmq.conf": f"default_user = tutormax\ndefault_pass = {passwords['rabbitmq']}\n",
    }


def users(password: str, exporters_password: str) -> str:
    """Return the users of Redis, their passwords as the digests that Redis compares with."""
    digests = {
        "tutormax": hashlib.sha256(password.encode()).hexdigest(),
        "exporter": hashlib.sha256(exporters_password.encode()).hexdigest(),
    }
    text = USERS.read_text()
    for name, digest in digests.items():
        text = text.replace(f"{{{name}}}", digest)
    return text


def main(arguments: list[str] | None = None) -> int:
    """Write what is not there yet; refuse to change the broker under secrets that name another."""
    parser = argparse.ArgumentParser(description="Write the secrets and the .env of deploy/compose/compose.yml.")
    parser.add_argument("--broker", choices=["redis", "rabbitmq"], default="redis")
    parser.add_argument("--to", type=Path, default=HERE, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    folder = options.to / "secrets"
    environment = options.to / ".env"
    wanted = f"COMPOSE_PROFILES={options.broker}\n"
    if folder.exists():
        if environment.read_text() != wanted:
            parser.error(f"{folder} was made for another broker: {environment.read_text().strip()}; delete it first")
        return 0
    # Nobody else on this machine looks in; what is in there is read by the users of the containers.
    folder.mkdir(mode=0o700, parents=True)
    for name, text in files(options.broker).items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)
    environment.write_text(wanted)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
