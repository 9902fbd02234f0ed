"""``python -m simulations STUDY [OPTIONS]``."""

from collections.abc import Callable

from simulations import width_sweep
from simulations.command_line import launch

STUDIES: dict[str, Callable[..., None]] = {width_sweep.STUDY.name: width_sweep.width_sweep}
"""Command of each study."""

if __name__ == "__main__":
    launch(STUDIES)
