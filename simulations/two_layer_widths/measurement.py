"""What one task of the study measures: sampled, trained or teacher-student networks."""

from lmctheory.sweeps.study import Config, Record
from simulations.two_layer_widths import sampling, teacher, training

__all__ = ["cost_of", "run"]

_PARTS = {"sampling": sampling.run, "mean_field": training.run, "teacher": teacher.run}


def run(config: Config) -> Record:
    """Measures what the configuration's ``part`` names."""
    return _PARTS[config["part"]](config)


def cost_of(config: Config) -> float:
    """Seconds, roughly."""
    if config["part"] == "sampling":
        return 0.3 + 3 * config["draws"] * float((config["width"] / 4096) ** 2.3)
    if config["part"] == "mean_field":
        return 5.0 + config["reference"] / 1000 + 2.0 * len(config["widths"])
    return 2.0 + config["width"] / 30
