"""The model that scores: loaded once, checked against the champion's row each time, replaced when that changes.

A champion whose files are not what was published is never parsed. In its place serves what served before it: the model
in memory unless it was rejected since, or else the newest earlier champion that can be loaded, or else the rule. Each
scoring tries it again.

The models' directory may lie on another machine. It is read through a breaker, in a thread that may hang.
"""

import threading
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

from sqlalchemy import Connection

from ml import artefact, registry, rule
from ml.artefact import Artefact, ArtefactError, StoreUnavailableError
from ml.model import ChurnModel
from ml.packing import unpack
from ml.registry import Registered
from ml.rule import Rule
from tutormax import log, settings
from tutormax.attempt import Attempt
from tutormax.breaker import Breaker, BreakerOpenError, Outside
from tutormax.populations import Population

_log = log.get(__name__)

# A model is read in milliseconds; a share that has not answered by then hangs.
STORE_SECONDS = 30.0
STORE = Breaker(Outside.MODEL_STORE, failures=(StoreUnavailableError,))


@dataclass(frozen=True, slots=True)
class Scorer:
    """What scores a population, and the name that its predictions carry."""

    model_id: str
    model: ChurnModel | Rule
    instead_of: str | None = None
    """The champion in whose place it serves, because that cannot be loaded."""


RULE = Scorer(rule.NAME, Rule())

# Of what served before a champion that cannot be loaded: in the end every model costs time, and the rule serves.
MOST_TRIED = 3


class Shelf:
    """The models in memory, one a population."""

    def __init__(self, root: Path, *, store_seconds: float = STORE_SECONDS) -> None:
        self.root = root
        self._store_seconds = store_seconds
        self._loaded: dict[Population, tuple[Registered, Scorer]] = {}
        self._refused: set[str] = set()
        self._reading: dict[str, Attempt[Artefact]] = {}
        self._lock = threading.Lock()

    def directory(self, population: Population) -> Path:
        """Return where a population's models are."""
        return self.root / population

    def scorer(self, connection: Connection, population: Population) -> Scorer:
        """Return what scores a population now: its champion, or the rule where there is none.

        A champion that cannot be loaded is told once, and what served before it serves on. Raises
        StoreUnavailableError or BreakerOpenError where no model can be read at all and none is in memory.
        """
        wanted = registry.champion(connection, population)
        if wanted is None:
            return RULE
        with self._lock:
            held = self._loaded.get(population)
            return held[1] if held is not None and held[0] == wanted else self._replaced(connection, wanted, held)

    def check(self, model: Registered) -> None:
        """Raise unless this code could serve a model, as `scorer` does."""
        self._load(model)

    def _replaced(self, connection: Connection, wanted: Registered, held: tuple[Registered, Scorer] | None) -> Scorer:
        try:
            loaded = self._load(wanted)
        except (ArtefactError, StoreUnavailableError, BreakerOpenError) as error:
            # An operator went back from it: it is in memory by chance only.
            if held is not None and registry.is_rejected(connection, held[0]):
                held = None
            if held is None and not isinstance(error, ArtefactError):
                raise
            substitute = self._before(connection, wanted) if held is None else held[1]
            if wanted.model_id not in self._refused:
                self._refused.add(wanted.model_id)
                _log.error("champion refused", model_id=wanted.model_id, serving=substitute.model_id, error=str(error))
            return replace(substitute, instead_of=wanted.model_id)
        self._loaded[wanted.population] = loaded
        self._refused.discard(wanted.model_id)
        _log.info("model loaded", model_id=wanted.model_id)
        self._align_links(connection, wanted)
        return loaded[1]

    def _before(self, connection: Connection, wanted: Registered) -> Scorer:
        """Return the newest earlier champion that can be loaded, and keep it; the rule if none can."""
        for earlier in registry.champions_before(connection, wanted, most=MOST_TRIED):
            try:
                loaded = self._load(earlier)
            except ArtefactError as error:
                _log.warning("earlier champion refused", model_id=earlier.model_id, error=str(error))
                continue
            self._loaded[wanted.population] = loaded
            return loaded[1]
        return RULE

    def _align_links(self, connection: Connection, wanted: Registered) -> None:
        try:
            if registry.align_links(connection, wanted, self.directory(wanted.population)):
                _log.warning("link moved to the champion", model_id=wanted.model_id)
        except OSError as error:  # whoever may only read the models still serves
            _log.warning("link not moved to the champion", model_id=wanted.model_id, error=str(error))

    def _load(self, wanted: Registered) -> tuple[Registered, Scorer]:
        model = unpack(STORE.call(partial(self._read, wanted)))
        return wanted, Scorer(wanted.model_id, model)

    def _read(self, wanted: Registered) -> Artefact:
        directory = self.directory(wanted.population)
        read = partial(artefact.read, directory, wanted.version, wanted.manifest_sha256)
        # One thread for each model, however often it is asked for: what hangs in the kernel cannot be ended.
        reading = self._reading.setdefault(wanted.model_id, Attempt(f"the model store {directory}", read))
        try:
            found = reading.result(self._store_seconds)
        except TimeoutError as error:
            raise StoreUnavailableError(str(error)) from None
        finally:
            if reading.ended:
                self._reading.pop(wanted.model_id, None)
        return found


@lru_cache(maxsize=4)
def _shelf_at(root: Path) -> Shelf:
    return Shelf(root)


def shelf() -> Shelf:
    """Return this process's models."""
    return _shelf_at(settings.current().model_save_path.resolve())
