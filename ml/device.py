"""Where boosters are learnt: on the processor, or on an NVIDIA GPU.

XGBoost that finds no GPU learns on the processor and says so in a warning. Nobody reads it: we ask where it learnt.
"""

import warnings
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import orjson

from tutormax.errors import PermanentError

if TYPE_CHECKING:
    from xgboost import Booster

REMEDY = "or set TUTORMAX_TRAINING_DEVICE=cpu"


class Device(StrEnum):
    """What TUTORMAX_TRAINING_DEVICE may be."""

    CPU = "cpu"
    CUDA = "cuda"


class DeviceMissingError(PermanentError):
    """XGBoost cannot learn on the device that was asked for."""


def require(device: Device, build: Mapping[str, object] | None = None) -> None:
    """Raise DeviceMissingError unless XGBoost, as it was built, can learn on a device; a smallest booster is tried."""
    if device is Device.CPU:
        return
    # As in model.
    from xgboost import DMatrix, build_info, train  # noqa: PLC0415
    from xgboost.core import XGBoostError  # noqa: PLC0415

    if not (build_info() if build is None else build).get("USE_CUDA"):
        raise DeviceMissingError(
            f"TUTORMAX_TRAINING_DEVICE={device}, but this XGBoost is built for processors only (xgboost-cpu): "
            f"install xgboost in its place, {REMEDY}"
        )
    tried = {"device": device, "tree_method": "hist", "verbosity": 0}
    try:
        with warnings.catch_warnings(action="ignore"):
            booster = train(tried, DMatrix(np.zeros((2, 1), dtype=np.float32), [0, 1]), 1)
    except XGBoostError as error:
        raise _missing(device, str(error).splitlines()[0]) from error
    confirm(booster, device)


def confirm(booster: "Booster", device: Device) -> None:
    """Raise DeviceMissingError if a booster was learnt elsewhere than on its device."""
    learnt_on = orjson.loads(booster.save_config())["learner"]["generic_param"]["device"]
    if not learnt_on.startswith(device):
        raise _missing(device, f"it learnt on {learnt_on}")


def _missing(device: Device, what: str) -> DeviceMissingError:
    return DeviceMissingError(
        f"TUTORMAX_TRAINING_DEVICE={device}, but XGBoost finds no such device ({what}): "
        f"make it visible to this process (nvidia-smi -L lists GPUs), {REMEDY}"
    )
