# On a fresh machine with git, make and Python 3.10 or newer, each target sets up what it needs in .venv.
PYTHON ?= python3
BIN := .venv/bin
UV := VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv

# Images of containers set it. Here hundreds of Pythons are started, each of which would compile anew what it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test long lint format docs bench peers matrix acceptance browser pictures lock clean

help:  ## What can be made here
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: .venv/.ready  ## The environment of all other targets

.venv/.ready: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
		echo "make: $(PYTHON) is older than 3.10; name a newer one: make PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -m venv .venv || { echo "make: $(PYTHON) cannot make environments; on Debian install python3-venv"; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.5'
	$(UV) pip sync --quiet --require-hashes requirements.lock
	$(UV) pip install --quiet --no-deps --editable .
	@touch $@

demo: setup  ## The example as a monolith, then as two servers, under load; then http://127.0.0.1:8000
	$(BIN)/python -m benchmarks.demo

test: setup  ## The suite, but for what takes minutes
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder -m "not long"

long: setup  ## What make test leaves out: every failure of a release, done for real; a quarter of an hour
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder -m long

lint: setup  ## ruff, mypy, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup  ## Let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup  ## Test every command that the README and the tutorial show
	$(BIN)/python -m pytest tests/docs

bench: setup  ## All figures, each beside its limit
	$(BIN)/python -m benchmarks.queue
	$(BIN)/python -m benchmarks.split
	$(BIN)/python -m benchmarks.deploy
	$(BIN)/python -m benchmarks.pages

peers: setup  ## The queue beside eight others; installs Debian's redis-server where it is missing (root)
	@command -v redis-server >/dev/null || test "$$(id -u)" != 0 || \
		{ apt-get update --quiet && apt-get install --yes --quiet redis-server; } || true
	$(BIN)/python -m benchmarks.peers

matrix: setup  ## The suite on every Python and Django that this machine offers
	$(BIN)/python tools/matrix.py

acceptance: setup browser  ## What a person does, in a real browser
	TANDEM_REQUIRE_BROWSER=1 $(BIN)/python -m pytest tests/acceptance

browser:  ## Debian's chromium, installed where it is missing (root)
	@command -v chromium >/dev/null || { apt-get update --quiet && apt-get install --yes --quiet chromium; }

pictures: setup browser  ## Take the README's pictures of the dashboard anew
	$(BIN)/python -m tools.pictures

lock: setup  ## Renew requirements.lock, and what `make peers` installs
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.10 --generate-hashes --no-annotate \
		--no-header --group dev --extra embedded --extra encrypt --extra opentelemetry --output-file requirements.lock pyproject.toml
	$(BIN)/python -m benchmarks.peers.environment | $(UV) pip compile --quiet --upgrade --universal \
		--python-version 3.10 --no-annotate --no-header --output-file benchmarks/peers/requirements.txt -

clean:  ## Remove what the other targets made
	rm -rf .venv .matrix .tandem example/lendoffice/.tandem
