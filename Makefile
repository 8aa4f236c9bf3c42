# Three commands from a fresh clone: `make reproduce`, `make test` and `make docs`. They need python3 (3.11 to 3.13) and make.
# `make test PYTHON=python3.13` does the same with another Python, in an environment of its own: .venv-3.13.
PYTHON ?= python3
PYTHONS := python3.11 python3.12 python3.13
INTERPRETER := $(shell .ci/find-python $(PYTHON))
VERSION := $(if $(INTERPRETER),$(shell $(INTERPRETER) -c 'import sys; print("%d.%d" % sys.version_info[:2])'))
VENV := $(if $(filter python3,$(PYTHON)),.venv,.venv-$(VERSION))
CONSTRAINTS := $(firstword $(wildcard constraints-$(VERSION).txt) constraints.txt)
INSTALL := -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS)
READY := $(VENV)/.ready
RUNS := $(VENV)/.runs
PAGES := $(VENV)/.pages
BIN := $(VENV)/bin
REPORT := build/report.html
SITE := build/site
TUTORIALS := all
AMICI := build/amici

.PHONY: help reproduce test test-all test-quick test-pythons test-lowest coverage mutants lint docs scores pictures sbml benchmark agree-amici clean

help:
	@echo "make reproduce   simulate and score the panels, draw the figures: $(REPORT)"
	@echo "make test        the tests (make test-all: the slow ones too)"
	@echo "make test-quick  one or two tests of each part, within a minute"
	@echo "make test PYTHON=python3.13  the tests with another Python, in .venv-3.13"
	@echo "make test-pythons the tests with Python 3.11, 3.12 and 3.13, and with the lowest dependencies declared"
	@echo "make coverage    the tests, and which lines they reach; it may not fall"
	@echo "make mutants     whether the tests notice 300 small changes of the code: an hour or more"
	@echo "make lint        style checks, imports, types, built files"
	@echo "make docs        the site, every tutorial and command line run, every link checked: $(SITE)/index.html"
	@echo "make scores      score every panel, for the page on what is reproduced: validation/scores.csv"
	@echo "make pictures    draw the pictures of the pages, but those that a calibration draws: docs/overview.png and others"
	@echo "make sbml        build sbml/ from models_antimony/"
	@echo "make benchmark   accuracy of the engine on 2000 random patients, and its speed beside others"
	@echo "make agree-amici compile AMICI and every model, run its tests and compare; needs a C++ compiler"

# The report needs no tests and no checks of style, and few of all modules: each is byte-compiled when it is first imported.
$(RUNS): pyproject.toml $(CONSTRAINTS)
	@test -n "$(INTERPRETER)"
	$(INTERPRETER) -m venv $(VENV)
	$(BIN)/python $(INSTALL) --no-compile --editable '.[copasi,fast]'
	@touch $@

# petab-gui carries a benchmark problem of PEtab, which a test fits, and petabtests its test suite; what the windows of the one
# and the checks of the other need is left out. Warnings are errors
# in the tests, those of a module that is byte-compiled too: none may be left to be. All cores do that, once everything is there, and
# leave out the tests of other packages.
$(READY): pyproject.toml $(CONSTRAINTS)
	@test -n "$(INTERPRETER)"
	$(INTERPRETER) -m venv $(VENV)
	$(BIN)/python $(INSTALL) --no-compile --editable '.[test]'
	$(BIN)/python $(INSTALL) --no-compile --no-deps petab-gui petabtests
	-@$(BIN)/python -m compileall -qq -j 0 -x 'site-packages/.*/tests/' $(VENV)/lib
	@touch $@ $(RUNS)

# What is byte-compiled is kept, and what packages do by then that warns is theirs.
reproduce: export PYTHONDONTWRITEBYTECODE :=
reproduce: export PYTHONWARNINGS := ignore::SyntaxWarning
reproduce: $(RUNS)
	@mkdir -p $(dir $(REPORT))
	$(BIN)/cart report --out $(REPORT)

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not slow'

test-all: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-quick: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "quick and not slow"

# All are looked for before the first is run.
test-pythons:
	@for python in $(PYTHONS); do .ci/find-python $$python || absent=1; done; test -z "$$absent"
	for python in $(PYTHONS); do $(MAKE) test PYTHON=$$python || exit 1; done
	$(MAKE) test-lowest

test-lowest:
	$(MAKE) test PYTHON=python3.11 VENV=.venv-lowest CONSTRAINTS=constraints-lowest.txt

coverage: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not slow' --cov --cov-report=term:skip-covered

mutants: $(READY)
	$(BIN)/python -m benchmarks.mutants

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/cart build --check
	$(BIN)/cart check
	$(BIN)/cart docs --check

# The site has packages of its own, which neither runs nor tests need.
$(PAGES): pyproject.toml $(CONSTRAINTS)
	@test -n "$(INTERPRETER)"
	$(INTERPRETER) -m venv $(VENV)
	$(BIN)/python $(INSTALL) --editable '.[docs]'
	@touch $@

docs: $(PAGES)
	$(BIN)/python -m docs.site $(SITE) --tutorials $(TUTORIALS)

# What the page on what is reproduced shows; a score that is not as expected stops it.
scores: $(RUNS)
	@mkdir -p build
	$(BIN)/cart validate --out build/scores.csv
	mv build/scores.csv validation/scores.csv
	$(BIN)/cart status --record validation/scores.csv

PICTURES := overview library dose dose_clocks dose_designs

pictures: $(RUNS)
	$(BIN)/python examples/overview.py docs/overview.png
	$(BIN)/python examples/library.py docs/library.png
	$(BIN)/python examples/dose.py docs
	$(BIN)/cart status $(PICTURES:%=--record docs/%.png)

sbml: $(READY)
	$(BIN)/cart build

benchmark: $(READY)
	$(BIN)/python -m benchmarks.accuracy
	$(BIN)/python -m benchmarks.speed

# AMICI has an environment of its own: what it compiles takes longer than all that `make test` needs.
$(AMICI)/.ready: pyproject.toml $(CONSTRAINTS)
	$(INTERPRETER) -m venv $(AMICI)
	$(AMICI)/bin/python $(INSTALL) --editable '.[test,amici]'
	@touch $@

agree-amici: export AMICI_MODELS_ROOT = $(CURDIR)/$(AMICI)/models
agree-amici: $(AMICI)/.ready
	$(AMICI)/bin/python -m pytest -k amici tests/archives tests/exchange
	$(AMICI)/bin/cart agree --tool amici --readings all --workers 2

clean:
	rm -rf .venv .venv-* build .pytest_cache .ruff_cache
