"""A Prometheus that can be asked."""

from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

import orjson

ANSWER_SECONDS = 30.0


class RefusedError(Exception):
    """Prometheus does not take the query; the text is its own."""


class Asks(Protocol):
    """Whatever answers as Prometheus' HTTP API does."""

    def __call__(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer; raise RefusedError."""


class Prometheus:
    """Asks one server over HTTP."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url).netloc

    def __call__(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer; raise RefusedError."""
        connection = HTTPConnection(self._address, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", f"/api/v1/{path}?{urlencode(_plural(parameters))}")
            answer = connection.getresponse()
            body = orjson.loads(answer.read())
        finally:
            connection.close()
        if answer.status != HTTPStatus.OK:
            raise RefusedError(body.get("error", answer.reason))
        return body["data"]


def _plural(parameters: Mapping[str, str]) -> dict[str, str]:
    # Python has no argument called match[].
    return {"match[]" if name == "match" else name: value for name, value in parameters.items()}
