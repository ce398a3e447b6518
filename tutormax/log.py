"""Structured logging, set up once: readable at a desk, JSON in production, without secrets in either."""

import logging
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import Processor

from tutormax.redaction import redact

# What every line says of what this thread works on: one variable, because each costs as much as a line's text.
_facts: ContextVar[Mapping[str, object]] = ContextVar("facts", default=MappingProxyType({}))


def _add_facts(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {**_facts.get(), **event}


SHARED: tuple[Processor, ...] = (
    _add_facts,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def configure(*, json: bool, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send every log line of this process, the libraries' included, to standard error in one form, or elsewhere."""
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=list(SHARED),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # Text first, so that a traceback is looked through as well.
                structlog.processors.format_exc_info,
                redact,
                _as_json() if json else _as_text(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("dramatiq", "apscheduler", "alembic"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


@contextmanager
def about(facts: Mapping[str, object]) -> Iterator[None]:
    """Let every line of this thread say these facts while the block runs, the libraries' lines included."""
    token = _facts.set(facts)
    try:
        yield
    finally:
        _facts.reset(token)


def get(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of one module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def _as_json() -> Processor:
    return structlog.processors.JSONRenderer(
        serializer=lambda event, **_: orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    )


def _as_text() -> Processor:
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
