# Two commands from a fresh clone: `make reproduce` and `make test`. They need python3 (3.11 or later) and make.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
BIN := $(VENV)/bin
REPORT := build/report.html

.PHONY: help reproduce test test-all lint sbml benchmark clean

help:
	@echo "make reproduce   simulate and score the panels, draw the figures: $(REPORT)"
	@echo "make test        the tests (make test-all: the slow ones too)"
	@echo "make lint        style checks"
	@echo "make sbml        build sbml/ from models_antimony/"
	@echo "make benchmark   accuracy of the engine on 2000 random patients, and its speed beside others"

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
	$(BIN)/cart build --check
	$(BIN)/cart check
	$(BIN)/cart docs --check

sbml: $(READY)
	$(BIN)/cart build

benchmark: $(READY)
	$(BIN)/python -m benchmarks.accuracy
	$(BIN)/python -m benchmarks.speed

clean:
	rm -rf $(VENV) build .pytest_cache .ruff_cache
