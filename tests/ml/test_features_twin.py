"""The statement agrees with the features written once more in Python, on random rows."""

from datetime import timedelta

import numpy as np

from ml.features.build import Spine, build, microseconds
from ml.features.catalogue import NAMES
from tests.conftest import NOW
from tests.ml.conftest import Marketplace
from tests.ml.features_twin import twin

INSTANTS = (NOW, NOW - timedelta(days=11, hours=5), NOW + timedelta(days=2))


def test_the_statement_says_what_its_twin_says(marketplace: Marketplace) -> None:
    asked = [(tutor, instant) for tutor in marketplace.tutors for instant in INSTANTS]
    spine = Spine(np.array([tutor for tutor, _ in asked]), np.array([microseconds(instant) for _, instant in asked]))

    matrix = build(marketplace.connection, spine)

    twins = [one for tutor, instant in asked if (one := twin(marketplace.connection, tutor, instant)) is not None]
    assert len(matrix) == len(twins) >= 100
    for name in NAMES:
        expected = np.array([one[name] for one in twins])
        np.testing.assert_allclose(matrix.column(name), expected, rtol=1e-6, atol=1e-6, err_msg=name)


def test_the_random_rows_give_every_feature_several_values(marketplace: Marketplace) -> None:
    matrix = build(marketplace.connection, Spine.at(marketplace.tutors, NOW))

    several = {name for name in NAMES if len(set(matrix.column(name)[~np.isnan(matrix.column(name))].tolist())) >= 2}

    assert several == set(NAMES)
