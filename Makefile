# `make sweep` is the main job, `make test` the checks; both set up .venv first.
PYTHON ?= python3
BIN := .venv/bin
.DELETE_ON_ERROR:
# Checks annotations as code runs. It doubles the time: `make test` does so for the examples of
# docstrings, which call every public function, `make test-slow` for all tests.
ANNOTATIONS := --jaxtyping-packages=lmctheory,beartype.beartype
# Two processes, one thread each; modules in the order that tests/conftest.py gives them.
SPREAD := -n 2 --dist loadscope --no-loadscope-reorder
test test-slow test-lowest: export OMP_NUM_THREADS := 1
STUDIES := sweep rates methods two-layers deep trained certificates layers symmetries \
    permutations simplices predict laws rising below coupling factors initialisation dimension \
    potentials star alignment-free learning-rates federated training-time teacher-student features \
    widths layers-over-training layers-merged
.PHONY: $(STUDIES) lab paper docs test test-slow test-lowest benchmark lint types programs

sweep: STUDY = width_sweep
rates: STUDY = matching_rates
methods: STUDY = matching_methods
two-layers: STUDY = two_layer_widths
deep: STUDY = deep_widths
trained: STUDY = trained_widths
certificates: STUDY = path_certificates
layers: STUDY = layerwise
symmetries: STUDY = symmetries
permutations: STUDY = least_barriers
simplices: STUDY = simplices
predict: STUDY = barrier_prediction
laws: STUDY = fixed_laws
rising: STUDY = rising_barriers
below: STUDY = from_below
coupling: STUDY = trained_coupling
factors: STUDY = factors
initialisation: STUDY = initialisation
dimension: STUDY = dimension
potentials: STUDY = potentials
star: STUDY = star
alignment-free: STUDY = alignment_free
learning-rates: STUDY = learning_rate_sweep
federated: STUDY = federated
training-time: STUDY = training_time
teacher-student: STUDY = teacher_student
features: STUDY = features
widths: STUDY = width_exponents
layers-over-training: STUDY = layers_over_training
layers-merged: STUDY = layers_merged

$(STUDIES): .venv/ready
	$(BIN)/python -m simulations run $(STUDY)
	$(BIN)/python -m paper_figures.$(STUDY)

# The studies of published experiments that need nothing but what is installed.
lab: learning-rates factors initialisation dimension star alignment-free federated training-time \
    teacher-student features widths layers-over-training layers-merged

# Numbers, tables, theorems and figures first, then the text, until references and pages are settled.
paper: .venv/ready
	$(BIN)/python -m paper_figures.paper
	cd docs/paper && pdflatex $(ONCE) && bibtex paper && pdflatex $(ONCE) && pdflatex $(ONCE)
paper: ONCE = -interaction=batchmode -halt-on-error paper

# The site, into site/, without a network; a reference that leads nowhere is an error.
docs: .venv/ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

test: lint types
	$(BIN)/pytest $(SPREAD) --ignore tests/test_docstrings.py
	$(BIN)/pytest -n 2 $(ANNOTATIONS) tests/test_docstrings.py

test-slow: .venv/ready
	$(BIN)/pytest -m slow
	$(BIN)/pytest $(SPREAD) $(ANNOTATIONS)

# With the oldest versions that pyproject.toml admits.
test-lowest: .venv-lowest/ready
	.venv-lowest/bin/pytest $(SPREAD)

benchmark: .venv/ready
	$(BIN)/pytest -m benchmark -s

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/mypy

# LaTeX, and a browser: for the tests of what is exported, which skip without them.
programs:
	(command -v pdflatex && command -v chromium) > /dev/null || { apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium lmodern \
	texlive-latex-base texlive-latex-recommended texlive-pictures > /dev/null; }

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "lmctheory needs Python >= 3.11; name one with: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,cluster,docs,frames,models]'
	touch $@

.venv-lowest/ready: pyproject.toml constraints-lowest.txt
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --constraint constraints-lowest.txt --editable '.[dev,cluster,frames,models]'
	touch $@
