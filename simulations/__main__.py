"""``python -m simulations STUDY [OPTIONS]``."""

from simulations.command_line import Command, launch

STUDIES = {
    study: Command.of(study)
    for study in (
        "width_sweep",
        "matching_rates",
        "matching_methods",
        "two_layer_widths",
        "deep_widths",
        "trained_widths",
        "path_certificates",
        "layerwise",
    )
}
"""Command of each study."""

if __name__ == "__main__":
    launch(STUDIES)
