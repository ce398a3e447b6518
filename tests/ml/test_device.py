"""A training learns on the device that was asked for, or not at all."""

import numpy as np
import pytest
from xgboost import DMatrix, train

from ml.device import Device, DeviceMissingError, confirm, require

REMEDY = r"^TUTORMAX_TRAINING_DEVICE=cuda, but .*or set TUTORMAX_TRAINING_DEVICE=cpu$"


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """No GPU, whatever this machine has."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def test_the_processor_is_always_there() -> None:
    require(Device.CPU)


def test_a_gpu_that_is_not_there_is_an_error_with_its_remedy() -> None:
    with pytest.raises(DeviceMissingError, match=REMEDY):
        require(Device.CUDA)


def test_an_xgboost_for_processors_only_is_told_by_name() -> None:
    with pytest.raises(DeviceMissingError, match=r"xgboost-cpu.*install xgboost"):
        require(Device.CUDA, {"USE_CUDA": False})


def test_a_booster_that_was_learnt_elsewhere_in_silence_is_refused() -> None:
    booster = train({"device": "cpu"}, DMatrix(np.zeros((2, 1)), [0, 1]), 1)

    confirm(booster, Device.CPU)
    with pytest.raises(DeviceMissingError, match="it learnt on cpu"):
        confirm(booster, Device.CUDA)
