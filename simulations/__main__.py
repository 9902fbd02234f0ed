"""``python -m simulations list | run | status | export``, see `simulations.command_line`."""

from simulations.command_line import launch
from simulations.declaration import Entry

STUDIES = {
    study: Entry.of(study)
    for study in (
        "width_sweep",
        "matching_rates",
        "matching_methods",
        "two_layer_widths",
        "deep_widths",
        "trained_widths",
        "path_certificates",
        "layerwise",
        "symmetries",
        "least_barriers",
        "simplices",
        "barrier_prediction",
        "fixed_laws",
        "rising_barriers",
        "from_below",
        "trained_coupling",
        "factors",
        "initialisation",
        "dimension",
        "potentials",
        "star",
        "alignment_free",
        "learning_rate_sweep",
        "federated",
        "training_time",
        "teacher_student",
        "features",
        "width_exponents",
        "layers_over_training",
        "layers_merged",
    )
}
"""All studies, by name."""

if __name__ == "__main__":
    launch(STUDIES)
