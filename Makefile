# Every target sets up its own virtual environment first: nothing to install by hand.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# A process for each core, but not more than memory holds; a file of tests stays in one.
PARALLEL := -n auto --maxprocesses=4 --dist loadfile

.PHONY: help demo test test-all check format bench clean

help:
	@echo "make demo      train and detect on generated shapes; leaves a picture"
	@echo "make test      checks and the default tests"
	@echo "make test-all  the slow learning tests too"
	@echo "make check     formatting, lint, types, architecture"
	@echo "make format    apply formatting and lint fixes"
	@echo "make bench     print the speed and memory figures; ARGS=--help tells of more"

$(READY): requirements.txt setup.py
	@echo "Setting up $(VENV) (about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $(READY)

demo: $(READY)
	@$(BIN)/python -m samples.demo

check: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest tests/test_architecture.py --durations=0

test: check
	@$(BIN)/python -m pytest $(PARALLEL) -m "not slow and not gpu and not network"

test-all: check
	@$(BIN)/python -m pytest $(PARALLEL) -m "not gpu and not network"

format: $(READY)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY)
	@TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
