"""Rows kept as columns: frozen dataclasses of numpy arrays of one length."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

from tutormax.generation.process import Flags, Floats, Integers

_DTYPES: dict[Any, type] = {Floats: np.float64, Integers: np.int64, Flags: np.bool_}


@dataclass(frozen=True, slots=True)
class Columns:
    """A table in memory; every field is an array, and all are of one length."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def arrays(self) -> dict[str, Any]:
        """Return the columns by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def take(self, which: Any) -> Self:
        """Return the rows that a mask, an index or a slice picks."""
        if isinstance(which, np.ndarray) and which.dtype == np.bool_:
            if which.all():
                return self
            # Searched once, and not for every column.
            which = np.flatnonzero(which)
        return type(self)(**{name: column[which] for name, column in self.arrays().items()})

    def with_(self, **columns: Any) -> Self:
        """Return the rows with some columns replaced."""
        return replace(self, **columns)

    @classmethod
    def concatenated(cls, parts: Iterable[Self]) -> Self:
        """Return the rows of several tables, one after another; at least one table must be given."""
        tables = list(parts)
        if len(tables) == 1:
            return tables[0]
        return cls(**{field.name: np.concatenate([getattr(t, field.name) for t in tables]) for field in fields(cls)})

    @classmethod
    def empty(cls) -> Self:
        """Return a table without rows."""
        return cls(**{field.name: np.zeros(0, _DTYPES[field.type]) for field in fields(cls)})
