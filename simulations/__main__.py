"""``python -m simulations STUDY [OPTIONS]``."""

from collections.abc import Callable

from simulations import (
    deep_widths,
    layerwise,
    matching_methods,
    matching_rates,
    path_certificates,
    trained_widths,
    two_layer_widths,
    width_sweep,
)
from simulations.command_line import launch

STUDIES: dict[str, Callable[..., None]] = {
    width_sweep.STUDY.name: width_sweep.width_sweep,
    matching_rates.STUDY.name: matching_rates.matching_rates,
    matching_methods.STUDY.name: matching_methods.matching_methods,
    two_layer_widths.STUDY.name: two_layer_widths.two_layer_widths,
    deep_widths.STUDY.name: deep_widths.deep_widths,
    trained_widths.STUDY.name: trained_widths.trained_widths,
    path_certificates.STUDY.name: path_certificates.path_certificates,
    layerwise.STUDY.name: layerwise.layerwise,
}
"""Command of each study."""

if __name__ == "__main__":
    launch(STUDIES)
