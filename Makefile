# `make sweep` is the main job, `make test` the checks; both set up .venv first.
PYTHON ?= python3
BIN := .venv/bin
.DELETE_ON_ERROR:
.PHONY: sweep rates methods test test-slow benchmark lint types

sweep: .venv/ready
	$(BIN)/python -m simulations width_sweep
	$(BIN)/python -m paper_figures.width_sweep

rates: .venv/ready
	$(BIN)/python -m simulations matching_rates
	$(BIN)/python -m paper_figures.matching_rates

methods: .venv/ready
	$(BIN)/python -m simulations matching_methods
	$(BIN)/python -m paper_figures.matching_methods

test: lint types
	$(BIN)/pytest -n 2

test-slow: .venv/ready
	$(BIN)/pytest -m slow

benchmark: .venv/ready
	$(BIN)/pytest -m benchmark -s

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/mypy

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "lmctheory needs Python >= 3.11; name one with: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,cluster]'
	touch $@
