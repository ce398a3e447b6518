"""Transport: whether what travels to a server can be read or answered by somebody else on the way."""

import ipaddress
from collections.abc import Sequence
from fnmatch import fnmatch
from urllib.parse import parse_qs, urlsplit

ENCRYPTED = ("rediss", "amqps")
UNCHECKED = ("none", "optional", "false", "no", "0")
# How redis-py turns checking off.
REDIS_CHECKS = ("ssl_cert_reqs", "ssl_check_hostname")


def fault(url: str, plaintext_hosts: Sequence[str]) -> str | None:
    """Return what is wrong with speaking to a server like this; None where nothing is, or where it was allowed.

    Within this machine nothing has to be encrypted. Beyond it, the server's certificate has to be checked, its name
    included; plaintext_hosts are patterns of names for which that is said to be unnecessary.
    """
    parts = urlsplit(url)
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    away = [host for host in _hosts(parts.hostname, asked) if not _is_here(host)]
    unsafe = [host for host in away if not any(fnmatch(host, pattern) for pattern in plaintext_hosts)]
    wrong = _fault(parts.scheme, asked) if unsafe else None
    return wrong and f"would speak to {', '.join(unsafe)} {wrong}"


def _hosts(hostname: str | None, asked: dict[str, str]) -> list[str]:
    """Return every host that a URL names; libpq also takes several of them, and sockets, as parameters."""
    named = [asked[name] for name in ("host", "hostaddr") if asked.get(name)]
    return [host.lower() for host in ",".join(named or [hostname or ""]).split(",")]


def _is_here(host: str) -> bool:
    if host in ("", "localhost") or host.startswith(("/", "@")):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _fault(scheme: str, asked: dict[str, str]) -> str | None:
    if scheme.startswith("postgres"):
        wanted = asked.get("sslmode", "")
        return None if wanted == "verify-full" else "without checking its certificate: add sslmode=verify-full"
    if scheme not in ENCRYPTED:
        return f"in the clear: write {'amqps' if scheme == 'amqp' else 'rediss'}://"
    unchecked = [name for name in REDIS_CHECKS if asked.get(name, "").lower() in UNCHECKED]
    return f"without checking its certificate: leave out {', '.join(unchecked)}" if unchecked else None
