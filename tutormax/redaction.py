"""Redaction: what no log line may hold, secrets and personal data, taken out before it is written."""

import re
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any

HIDDEN = "(hidden)"

_SECRET_KEY = re.compile(r"pass(word|wd|phrase)?$|secret|token|authorization|api_?key|credential|cookie", re.IGNORECASE)
_IN_TEXT = (
    # The password of a URL, up to the last @ before a slash: one with an @ in it is still one.
    (re.compile(r"(?<=://)([^\s:/@]*):[^\s/]*@"), rf"\1:{HIDDEN}@"),
    (
        re.compile(r"(?i)\b(password|passwd|secret|token|api_?key)(\s*[=:]\s*)(?!\(hidden\))[^\s,;&)}\]]+"),
        rf"\1\2{HIDDEN}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/-]{8,}=*"), rf"\1 {HIDDEN}"),
    (re.compile(r"(?<![/\w.+-])[\w.+-]+@[\w-]+(\.[\w-]+)*\.[A-Za-z]{2,}"), HIDDEN),
    # PostgreSQL repeats the row that it refuses.
    (re.compile(r"(?m)^(\s*)(DETAIL|CONTEXT):.*$"), rf"\1\2: {HIDDEN}"),
    (re.compile(r"(?s)\[parameters: .*?\]\n"), f"[parameters: {HIDDEN}]\n"),
)
# Without one of these no pattern above can be there; most of what is logged has none.
_SUSPICIOUS = re.compile(r"[@=:\[]|bearer|basic", re.IGNORECASE)


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide what must not be written; a structlog processor, after whatever makes text of an exception."""
    return {key: _redacted(key, value) for key, value in event.items()}


def redact_text(text: str) -> str:
    """Return text without passwords, tokens, addresses of people, and rows that a database quotes."""
    if _SUSPICIOUS.search(text) is None:
        return text
    for pattern, instead in _IN_TEXT:
        text = pattern.sub(instead, text)
    return text


@lru_cache(maxsize=1024)
def _is_secret(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def _redacted(key: str, value: Any) -> Any:
    if _is_secret(key):
        return HIDDEN
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {inner: _redacted(str(inner), held) for inner, held in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted("", held) for held in value]
    return value
