"""A model comes back from its files as it was, in any process; another one is refused."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest

from ml import artefact, packing
from ml.artefact import Artefact, ArtefactError
from ml.features.catalogue import NAMES
from ml.model import ChurnModel
from ml.projection import HORIZONS
from tests.ml.invented import invent
from tests.ml.trained import AT, FACTS, files, small_model

READER = """
import sys, orjson
from pathlib import Path
import numpy as np
from ml import artefact, packing
found = artefact.read(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
model = packing.unpack(found)
values = np.frombuffer(sys.stdin.buffer.read(), dtype=np.float32).reshape(-1, 58)
sys.stdout.buffer.write(model.raw_probabilities(values).tobytes() + model.contributions(values).tobytes())
"""


@pytest.fixture
def published(tmp_path: Path) -> Artefact:
    return artefact.publish(tmp_path, AT, files(), FACTS)


def test_a_new_process_predicts_the_same_bits(tmp_path: Path, published: Artefact) -> None:
    model, values = small_model(), invent(tutors=10, weeks=3, seed=3).values

    said = subprocess.run(
        [sys.executable, "-c", READER, str(tmp_path), published.version, published.manifest_sha256],
        input=values.tobytes(),
        stdout=subprocess.PIPE,
        check=True,
    )

    assert said.stdout == model.raw_probabilities(values).tobytes() + model.contributions(values).tobytes()


def test_the_validated_model_comes_back_too(published: Artefact) -> None:
    values = invent(tutors=5, weeks=3, seed=3).values

    validated = packing.unpack(published, packing.VALIDATED)

    assert np.array_equal(validated.raw_probabilities(values), small_model().raw_probabilities(values))


def test_a_horizon_without_a_model_stays_without(tmp_path: Path) -> None:
    model = small_model()
    three = replace(model, predictors={h: model.predictors[h] for h in (7, 30, 90)})

    found = packing.unpack(artefact.publish(tmp_path, AT, files(three), FACTS))

    assert tuple(found.predictors) == (7, 30, 90)


@pytest.mark.parametrize("fact", ["feature_version", "sql_sha256"])
def test_a_model_of_other_features_is_refused(published: Artefact, fact: str) -> None:
    other = replace(published, manifest={**published.manifest, fact: "another"})

    with pytest.raises(ArtefactError, match=f"made with {fact} another.* train anew"):
        packing.unpack(other)


def test_a_model_that_misses_its_golden_probabilities_is_refused(published: Artefact) -> None:
    other = small_model(seed=8)
    swapped = {name: content for name, content in files(other).items() if name.endswith(".ubj")}

    with pytest.raises(ArtefactError, match="misses its own golden probabilities"):
        packing.unpack(replace(published, files={**published.files, **swapped}))


def test_a_calibration_that_was_edited_is_noticed_by_the_golden_matrix(published: Artefact) -> None:
    edited = orjson.loads(published.files[packing.CALIBRATION])
    edited["30"]["slope"] = 1.3

    with pytest.raises(ArtefactError, match="golden"):
        packing.unpack(replace(published, files={**published.files, packing.CALIBRATION: orjson.dumps(edited)}))


def test_bytes_that_are_no_model_are_refused(published: Artefact) -> None:
    with pytest.raises(ArtefactError, match="is not a model"):
        packing.unpack(replace(published, files={**published.files, "churn_30d.ubj": b"{}"}))


def test_columns_in_another_order_are_refused(published: Artefact) -> None:
    model = small_model()
    booster = model.predictors[30].booster.copy()
    booster.feature_names = [NAMES[1], NAMES[0], *NAMES[2:]]

    with pytest.raises(ArtefactError, match="58 features of the catalogue"):
        packing.unpack(replace(published, files={**published.files, "churn_30d.ubj": bytes(booster.save_raw("ubj"))}))


def test_the_golden_rows_reach_from_the_safest_to_the_most_endangered_and_to_nothing_known() -> None:
    values = invent(tutors=50, weeks=3).values
    probabilities = small_model().raw_probabilities(values)[:, HORIZONS.index(30)]

    golden = packing.golden_rows(small_model(), values)
    found = small_model().raw_probabilities(golden)[:-1, HORIZONS.index(30)]

    assert len(golden) == packing.GOLDEN_ROWS
    assert (found[0], found[-1]) == (probabilities.min(), probabilities.max())
    assert np.isnan(golden[-1]).all()


def test_infinity_counts_as_unknown() -> None:
    unknown, infinite = (np.full((1, 58), value, dtype=np.float32) for value in (np.nan, np.inf))

    assert np.array_equal(small_model().raw_probabilities(infinite), small_model().raw_probabilities(unknown))


def test_a_matrix_of_other_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="feature_names"):
        ChurnModel(NAMES[:57], small_model().predictors).raw_probabilities(np.zeros((1, 57), dtype=np.float32))
