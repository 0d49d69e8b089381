# Every target sets itself up in .venv. All paths are relative, so the folder's own path may contain spaces.

PYTHON ?= python3
# More than there are cores: slow tests mostly wait for the programs that they start.
TEST_WORKERS ?= 3
PYTEST_ARGS ?=
PIP_ARGS ?=

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --retries 10 $(PIP_ARGS)
SOURCES := setup.cfg pyproject.toml

# The tests start a hundred programs that import the same modules: what is compiled is kept.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-fast thorough soak interop bench lint docs wheel release bounds clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.ready-demo ## Play a roaming day between a CPO, an eMSP, its systems of other versions and a hub (DEMO_ONCE=1: then exit)
	@$(VENV)/bin/flask ocpi demo

test: $(VENV)/.ready-dev ## Run all tests, then name what was left out (PYTEST_ARGS="--cov --cov-report=term": with coverage)
	@$(PY) -m scripts.run_tests -n $(TEST_WORKERS) --dist worksteal $(PYTEST_ARGS)

test-fast: $(VENV)/.ready-dev ## Run what takes about a minute: no servers, no databases, the first cases of each test
	@$(PY) -m pytest -q -n 2 --dist worksteal -m "not slow and not database" --cases 2 --hypothesis-profile=dev $(PYTEST_ARGS)

thorough: $(VENV)/.ready-dev ## Run all tests with three times the examples of properties, and all boundary values for the API
	@$(PY) -m scripts.run_tests -n $(TEST_WORKERS) --dist worksteal --hypothesis-profile=thorough $(PYTEST_ARGS)

soak: $(VENV)/.ready-dev ## Kill processes and databases a hundred times; nothing may be lost (SOAK_KILLS=100)
	@$(PY) -m tests.faults.soak

interop: $(VENV)/.ready-dev ## Exchange everything with servers on other OCPI libraries, installed beside us
	@$(PY) -m tests.interop.run
	@$(PY) -m tests.interop.probing

bench: $(VENV)/.ready-dev ## Compare with peers, then measure the parts (BENCH_MEMORY_SECONDS=3600: an hour of load)
	@$(PY) -m scripts.setup_benchmarks
	@$(PY) -m benchmarks.http
	@$(PY) -m benchmarks.run_all

lint: $(VENV)/.ready-dev ## Check style, format, import layers, types and spelling
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(VENV)/bin/lint-imports --no-logo
	@$(PY) -m mypy
	@$(VENV)/bin/codespell

docs: $(VENV)/.ready-dev ## Build the documentation into docs/_build, warnings being errors
	@$(PY) -m sphinx -E -W --keep-going -q -b html docs docs/_build
	@echo "Open docs/_build/index.html"

wheel: $(VENV)/.ready-dev ## Build sdist and wheel into dist, then install and import the wheel alone
	@$(PY) -m scripts.build_packages
	@$(PY) -m scripts.check_wheel
	@ls dist

release: $(VENV)/.ready-dev ## Build twice, compare, check and try the packages on each Python here; nothing is uploaded
	@$(PY) -m scripts.release

bounds: $(VENV)/.ready-dev ## Run a smoke suite with the lowest versions of all dependencies
	@$(PY) -m scripts.lower_bounds

clean: ## Remove what was built and cached; .venv stays
	@rm -rf build dist docs/_build htmlcov *.egg-info .coverage .coverage.*
	@rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis
	@find . -path ./$(VENV) -prune -o -type d -name __pycache__ -exec rm -rf {} +

# What make demo needs is part of what the others need, so either order of targets installs once.
$(VENV)/.ready-demo: $(SOURCES) | $(PY)
	@echo "Installing Flask-OCPI and what its demo needs into $(VENV) ..."
	@$(PIP) --editable ".[serve]"
	@touch $@

$(VENV)/.ready-dev: $(SOURCES) | $(PY)
	@echo "Installing Flask-OCPI and its development tools into $(VENV) ..."
	@$(PIP) --upgrade "setuptools>=77"
	@$(PIP) --editable ".[dev]"
	@touch $(VENV)/.ready-demo $@

$(PY):
	@PYTHON="$(PYTHON)" sh scripts/create_venv.sh $(VENV)
