"""What an actor takes: its signature as a checked record, to and from JSON."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

import msgspec

from tutormax.errors import PermanentError
from tutormax.jobs import shape


class InvalidArgumentsError(PermanentError):
    """The arguments are not what the actor takes; the text names the argument, the value and what would be right."""


class Arguments:
    """The arguments of one actor, read off its function: every parameter after the job, by name and type."""

    def __init__(self, function: Callable[..., object]) -> None:
        hints = get_type_hints(function)
        self.name = function.__name__
        self.parameters = tuple(inspect.signature(function).parameters.values())[1:]
        self.types: dict[str, Any] = {parameter.name: hints[parameter.name] for parameter in self.parameters}
        self._signature = inspect.Signature(self.parameters)
        self._record = msgspec.defstruct(
            self.name,
            [
                (parameter.name, self.types[parameter.name])
                if parameter.default is parameter.empty
                else (parameter.name, self.types[parameter.name], parameter.default)
                for parameter in self.parameters
            ],
            kw_only=True,
            forbid_unknown_fields=True,
            frozen=True,
        )

    def pack(self, *args: object, **kwargs: object) -> dict[str, Any]:
        """Check a call and return its arguments as JSON values; raise InvalidArgumentsError."""
        try:
            given = self._signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise InvalidArgumentsError(f"{self.name}: {error}; it takes {self}") from None
        try:
            packed = {name: msgspec.to_builtins(value) for name, value in given.items()}
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidArgumentsError(f"{self.name}: {error}; it takes {self}") from None
        self.unpack(packed)
        return packed

    def unpack(self, packed: Mapping[str, Any]) -> dict[str, Any]:
        """Check stored arguments and return them as the function's own types; raise InvalidArgumentsError.

        Their shape is checked here, too: a row of the ledger may have been written by somebody else.
        """
        wrong = shape.fault(packed)
        if wrong is not None:
            raise InvalidArgumentsError(f"{self.name}: {wrong}")
        try:
            record = msgspec.convert(packed, self._record)
        except msgspec.ValidationError as error:
            raise InvalidArgumentsError(f"{self.name}: {error} in {packed!r:.300}; it takes {self}") from None
        return {name: getattr(record, name) for name in self.types}

    def __str__(self) -> str:
        return str(self._signature)
