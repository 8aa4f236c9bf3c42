# Two commands from a fresh clone: `make reproduce` and `make test`. They need python3 (3.11 or later) and make.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
BIN := $(VENV)/bin
REPORT := build/report.html
AMICI := build/amici

.PHONY: help reproduce test test-all lint sbml benchmark agree-amici clean

help:
	@echo "make reproduce   simulate and score the panels, draw the figures: $(REPORT)"
	@echo "make test        the tests (make test-all: the slow ones too)"
	@echo "make lint        style checks, imports, built files"
	@echo "make sbml        build sbml/ from models_antimony/"
	@echo "make benchmark   accuracy of the engine on 2000 random patients, and its speed beside others"
	@echo "make agree-amici compile AMICI and every model, run its tests and compare; needs a C++ compiler"

# petab-gui carries a benchmark problem of PEtab, which a test fits; what its windows need is left out.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps petab-gui
	@touch $@

reproduce: $(READY)
	@mkdir -p $(dir $(REPORT))
	$(BIN)/cart report --out $(REPORT)

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not slow'

test-all: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/cart build --check
	$(BIN)/cart check
	$(BIN)/cart docs --check

sbml: $(READY)
	$(BIN)/cart build

benchmark: $(READY)
	$(BIN)/python -m benchmarks.accuracy
	$(BIN)/python -m benchmarks.speed

# AMICI has an environment of its own: what it compiles takes longer than all that `make test` needs.
$(AMICI)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(AMICI)
	$(AMICI)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test,amici]'
	@touch $@

agree-amici: export AMICI_MODELS_ROOT = $(CURDIR)/$(AMICI)/models
agree-amici: $(AMICI)/.ready
	$(AMICI)/bin/python -m pytest -k amici tests/archives tests/exchange
	$(AMICI)/bin/cart agree --tool amici --readings all --workers 2

clean:
	rm -rf $(VENV) build .pytest_cache .ruff_cache
