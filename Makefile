# The one door for developers. Every target does its own set-up; a fresh machine needs git, make and Python 3.11+.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
SDK2 := .venv-sdk2
SDK3 := .venv-sdk3
PIP_FLAGS := --quiet --disable-pip-version-check

.PHONY: demo test slow venvs lint bench serve fuzz docs clean

demo: $(VENV)/.installed  ## train, deploy, capture, find drift, retrain: about a minute
	$(BIN)/python -m sageyard demo

test: $(VENV)/.dev $(SDK2)/.installed $(SDK3)/.installed  ## the whole suite, against a live server with real clients
	@# tests that share the engine, or look for what a demo left, run one by one beside the others
	$(BIN)/python -m pytest -m "docker or demo" & alone=$$!; \
	$(BIN)/python -m pytest -m "not docker and not demo and not slow" --numprocesses 2 --dist loadfile; rest=$$?; \
	wait $$alone && exit $$rest

slow: $(VENV)/.dev $(SDK2)/.installed  ## the worked cases of the notebooks that `make test` leaves out, each also with a reader's CSV
	$(BIN)/python -m pytest -m slow

venvs: $(VENV)/.dev $(SDK2)/.installed $(SDK3)/.installed  ## all that `make test` needs; with --jobs 3 at once

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev $(SDK2)/.installed  ## speed and memory, as ratios against a peer in the same run
	$(BIN)/python -m tests.benchmarks

fuzz: $(VENV)/.dev  ## the property test of bad input, thirty times as large and with new seeds
	SAGEYARD_FUZZ=30 $(BIN)/python -m pytest tests/property --timeout 600

serve: $(VENV)/.installed
	$(BIN)/sageyard up

docs: $(VENV)/.dev  ## regenerate platform/docs/OPERATIONS.md
	$(BIN)/sageyard coverage --markdown > platform/docs/OPERATIONS.md

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install $(PIP_FLAGS) --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(BIN)/pip install $(PIP_FLAGS) --upgrade pip
	$(BIN)/pip install $(PIP_FLAGS) --group dev
	touch $@

$(SDK2)/.installed: tests/sdk/requirements-v2.txt
	$(PYTHON) -m venv $(SDK2)
	$(SDK2)/bin/pip install $(PIP_FLAGS) -r $<
	touch $@

$(SDK3)/.installed: tests/sdk/requirements-v3.txt
	$(PYTHON) -m venv $(SDK3)
	$(SDK3)/bin/pip install $(PIP_FLAGS) -r $<
	touch $@

clean:
	rm -rf $(VENV) $(SDK2) $(SDK3) .pytest_cache .mypy_cache .ruff_cache .hypothesis
