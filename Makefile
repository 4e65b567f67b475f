# `make demo` and `make test` need Python 3.11 or later, make and a package index; no root.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
MACHINE := $(CURDIR)/.cache/machine
UV := .cache/uv/bin/uv
PYTHON := $(shell for python in python3 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && \
	command -v "$$python" && break; done)

.PHONY: help setup demo test platforms lint check format lock clean

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

setup: $(STAMP) ## make the environment in .venv, as requirements-dev.lock says

demo: setup ## show the whole story on twelve SSH hosts on this machine
	@$(BIN)/python playbooks/demo/story.py $(ARGS)

test: setup ## run all tests, with real OpenSSH daemons; ARGS="-k name" for some
	@$(BIN)/python -m tests.machine "$(MACHINE)"
	PATH="$(MACHINE)/bin:$$PATH" $(BIN)/pytest -n 3 --dist loadgroup $(ARGS)

platforms: setup ## run the host program's tests with every shell, set of tools and awk; half an hour
	@$(BIN)/python -m tests.machine "$(MACHINE)"
	FLEET_PLATFORMS=all PATH="$(MACHINE)/bin:$$PATH" $(BIN)/pytest -n 2 tests/host $(ARGS)

lint: setup ## look at the code without running it
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test ## all that CI runs

format: setup ## put the code into its form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# The build backend is locked too, since the project itself is installed without isolation.
lock: $(UV) ## write requirements-dev.lock anew, with the newest versions
	printf 'editables\nhatchling\n' | $(UV) pip compile --quiet --upgrade --universal \
	  --python-version 3.11 --fork-strategy fewest --generate-hashes --no-annotate --no-header \
	  --no-emit-index-url --group dev --output-file requirements-dev.lock pyproject.toml -

clean: ## remove what was made, the environment included
	@[ ! -e .cache/demo/lab/lab.json ] || FLEET_HOME="$(CURDIR)/.cache/demo" $(BIN)/fleet lab down
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(STAMP): requirements-dev.lock pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "no Python 3.11 or later on the PATH; say PYTHON=…" >&2; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON)"
	@[ -x $(BIN)/pip ] || sh tools/venv.sh $(PYTHON) $(VENV)
	@$(BIN)/python -m pip -qq --disable-pip-version-check install --require-hashes -r $<
	@$(BIN)/python -m pip -qq --disable-pip-version-check install --no-deps --no-build-isolation -e .
	@touch $@

$(UV):
	sh tools/venv.sh $(PYTHON) .cache/uv
	.cache/uv/bin/pip -qq install uv
