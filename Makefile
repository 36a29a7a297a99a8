# Holdwater's commands. `make` alone lists them; each does its own set-up.

PY := .venv/bin/python
HOLDWATER := .venv/bin/holdwater
READY := .venv/ready

# Bytecode and tool caches live in .venv, so that a run leaves no file beside the sources.
export PYTHONPYCACHEPREFIX := $(CURDIR)/.venv/cache/bytecode
export HYPOTHESIS_STORAGE_DIRECTORY := $(CURDIR)/.venv/cache/hypothesis

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint fuzz chaos bench dbos guarantees lock clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with the pinned versions
	@:

$(READY): requirements.lock pyproject.toml
	@sh .ci/setup.sh $@

demo: setup ## run the whole service on real input and print what happened
	@$(HOLDWATER) demo

test: setup ## run every check and test, stage by stage
	@$(PY) tests/stages.py

lint: setup ## run the static checks alone
	@$(PY) tests/stages.py static

fuzz: setup ## fuzz the real server over PostgreSQL, with many more cases than `make test` has time for
	@HOLDWATER_FUZZ=large $(PY) -m pytest tests/fuzz -o faulthandler_timeout=0

chaos: setup ## kill and flush the real stack under load for five minutes, then check everything (ARGS="--seed 7")
	@PYTHONPATH=tests $(PY) -m chaos $(ARGS)

bench: dbos ## measure, side by side with the alternatives
	@$(HOLDWATER) bench

dbos: setup ## install DBOS, the peer of `holdwater bench saga`, in an environment of its own
	@test -x .venv/dbos/bin/python || $(PY) -m venv .venv/dbos
	@.venv/dbos/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		-r bench/fulfilment/dbos.lock

guarantees: setup ## write docs/guarantees.md from the tests' promise marks
	@$(PY) tests/guarantees.py

lock: setup ## pin the newest allowed versions, with hashes, in requirements.lock
	@test -x .venv/bin/uv || $(PY) -m pip install --quiet --disable-pip-version-check uv
	@.venv/bin/uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 \
		--no-strip-extras --extra dev --no-header pyproject.toml -o requirements.lock
	@.venv/bin/uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 \
		--no-header bench/fulfilment/dbos.in -o bench/fulfilment/dbos.lock

clean: ## remove .venv with all caches; var/ with its data stays
	@rm -rf .venv build dist src/*.egg-info .coverage
	@find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
