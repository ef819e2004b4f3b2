# The same commands for people and for CI. Each creates .venv if it is missing.
PYTHON ?= python3
BIN := .venv/bin
export PYTHONUTF8 := 1
# In a terminal pip shows its progress; in a log it is quiet.
QUIET := $(shell test -t 2 || echo --quiet)
INSTALL = @echo "Installing into .venv. The first time this downloads some 3 GB on Linux and takes minutes." && $(BIN)/python -m pip install $(QUIET) --editable

.PHONY: help explore doctor test test-fast test-lowest check check-js tour docs screenshots bench clean
.DEFAULT_GOAL := help

help:  ## list these commands
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r word text; do printf '  make %-12s %s\n' "$$word" "$$text"; done

explore: .venv/explore  ## open the explorer in JupyterLab
	$(BIN)/python scripts/explore.py

doctor:  ## check this installation and say how to fix what is wrong
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m uhscm_doctor; else $(PYTHON) -m uhscm_doctor; fi

# Two processes share the tests, but the browser has the machine for itself: its pages wait for it.
# A selection may leave nothing for one of the two (exit status 5).
TESTS = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile
OR_NONE = $(if $(PYTEST),|| test $$? -eq 5)

test: .venv/dev  ## run all tests, as CI does
	$(TESTS) -m "not browser" $(PYTEST) $(OR_NONE)
	$(BIN)/python -m pytest -m browser $(PYTEST) $(OR_NONE)

test-fast: .venv/dev  ## run the tests that need neither a browser nor whole notebooks
	$(TESTS) -m "not browser and not slow" $(PYTEST)

test-lowest: build/lowest/dev  ## run the fast tests, and build the site, with each dependency at its lower bound
	OMP_NUM_THREADS=1 build/lowest/bin/python -m pytest -m "not browser and not slow" $(PYTEST)
	build/lowest/bin/python -m pytest tests/test_docs.py

check: .venv/dev  ## check lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check-js:  ## check lint, format and types of the JavaScript (needs Node)
	@command -v npm >/dev/null || { echo "make check-js needs Node and npm, which are not installed. On Debian and Ubuntu: apt-get install npm"; exit 1; }
	@npm install --no-package-lock --no-audit --no-fund --silent
	@npm run --silent check

tour: .venv/dev  ## run the tour without a front end and write build/00_tour.html
	$(BIN)/python scripts/tour.py

docs: .venv/docs  ## build a site of guides, lessons and reference in build/site
	$(BIN)/python -m scripts.docs

screenshots: .venv/dev  ## take the README's pictures again, in docs/
	$(BIN)/python -m scripts.screenshots $(SCREENSHOTS)

bench: .venv/dev  ## run the benchmarks that this machine can run
	$(BIN)/python -m benchmarks

clean:  ## remove .venv and build
	rm -rf .venv build

.venv/python:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here. Install Python 3.11 or later, or say where yours is: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed, and $(PYTHON) is older: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "python3 -m venv does not work here. On Debian and Ubuntu: apt-get install python3-venv"; rm -rf .venv; exit 1; }
	@touch $@

.venv/explore: pyproject.toml | .venv/python
	$(INSTALL) .
	@touch $@

.venv/dev: pyproject.toml | .venv/python
	$(INSTALL) '.[dev]'
	@touch $@ .venv/explore

.venv/docs: pyproject.toml | .venv/python
	$(INSTALL) '.[docs]'
	@touch $@ .venv/explore

# An environment of its own, with the oldest release of each direct dependency.
build/lowest/dev: pyproject.toml scripts/lowest.py | .venv/python
	@rm -rf build/lowest && $(BIN)/python -m venv build/lowest
	@$(BIN)/python scripts/lowest.py > build/lowest/constraints.txt
	build/lowest/bin/python -m pip install $(QUIET) --constraint build/lowest/constraints.txt --editable '.[dev,docs]'
	@touch $@
