"""Rates beside measurement: the sandwich, exponents, a crossover, dimensions."""
