"""Published interatomic potentials: what is left between matched members, why."""
