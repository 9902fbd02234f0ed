"""Libraries of models, whose tests are skipped where they are not installed."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
import torch


def library(name: str) -> ModuleType:
    """A module, imported; the test is skipped without it.

    `timm` and `transformers` import torchvision.
    """
    _declare_operators()
    return pytest.importorskip(name)


@cache
def _declare_operators() -> None:
    """Makes a torchvision that was built for CUDA importable beside a torch that was not.

    Its compiled operators cannot be loaded then, and it declares none; but it registers shapes for
    two of them as it is imported. No classifier calls them.
    """
    spec = find_spec("torchvision")
    if spec is None or spec.origin is None:
        return
    try:
        torch.ops.load_library(Path(spec.origin).with_name("_C.so"))
    except OSError:
        for operator in ("nms", "qnms"):
            signature = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{operator}", signature)
