# On a fresh machine with git, make and Python 3.10 or newer, each target sets up what it needs in .venv.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv

.PHONY: setup demo test lint docs bench matrix acceptance lock clean

setup: .venv/.ready

.venv/.ready: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "make: $(PYTHON) is older than 3.10; name a newer one: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.5'
	VIRTUAL_ENV=.venv $(UV) pip sync --quiet --require-hashes requirements.lock
	VIRTUAL_ENV=.venv $(UV) pip install --quiet --no-deps --editable .
	@touch $@

test: setup
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: setup
	VIRTUAL_ENV=.venv $(UV) pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-annotate \
		--no-header --group dev --extra embedded --output-file requirements.lock pyproject.toml
