# Everything a person does here, by name. `make` alone prints this table.
SHELL := /bin/sh
PYTHON ?= python3
RECIPE ?= configs/quickstart/quickstart.yaml
RUNS ?= runs
CACHE ?= $(HOME)/.cache/sfta
KEY ?= keys/development.pem
PIP_OPTIONS := --disable-pip-version-check --quiet --progress-bar off

export SFTA_CACHE := $(CACHE)
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup tools demo test check train export bundle images bench reference clean

help: ## print this table
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: $(READY) ## make .venv with everything that runs and tests SFTA

tools: ## build llama.cpp and its converter once, into ~/.cache/sfta
	@PYTHONPATH=export:edge $(PYTHON) -m sfta_export.toolchain --cache $(CACHE)

$(READY): pyproject.toml export/pyproject.toml edge/pyproject.toml constraints.txt export/toolchain.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "setup: installing packages into .venv, and building llama.cpp if it is not built yet"
	@$(BIN)/python -m pip install $(PIP_OPTIONS) --constraint constraints.txt pip setuptools wheel
	@$(PYTHON) .ci/requirements.py > .venv/requirements.txt
	@# The network and the compiler wait for different things.
	@$(MAKE) --no-print-directory tools & built=$$!; \
	  $(BIN)/python -m pip install $(PIP_OPTIONS) --constraint constraints.txt \
	    --requirement .venv/requirements.txt; installed=$$?; \
	  wait $$built && exit $$installed
	@echo "setup: installing SFTA"
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install $(PIP_OPTIONS) --constraint constraints.txt \
	  --find-links "$$(PYTHONPATH=export:edge $(PYTHON) -m sfta_export.toolchain --cache $(CACHE) --wheels)" \
	  --editable edge --editable export --editable '.[quickstart,dev]'
	@# A runtime that was built anew has the version of the one before.
	@$(BIN)/python -m pip install $(PIP_OPTIONS) --no-deps --force-reinstall \
	  "$$(PYTHONPATH=export:edge $(PYTHON) -m sfta_export.toolchain --cache $(CACHE))"
	@touch $(READY)
	@echo "setup: done"

# Order only: a key outlives the environment that made it.
$(KEY): | $(READY)
	@mkdir -p $(dir $(KEY))
	@$(BIN)/sfta keygen $(KEY)

demo: $(READY) $(KEY) ## documents to a signed bundle that answers without a network
	@sh configs/quickstart/demo.sh $(BIN) $(RUNS) $(KEY)

test: $(READY) ## run every test
	@# A worker that dies is a failure; replaced, it would be waited for without end.
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

check: $(READY) ## lint, format, types, import rules, spelling, shell scripts, generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/codespell
	@$(BIN)/shellcheck edge/sfta_edge/install.sh configs/quickstart/demo.sh .ci/run
	@$(BIN)/python -m sfta.cli.reference --check

train: $(READY) ## run RECIPE until the adapter
	@$(BIN)/sfta run $(RECIPE) --until train --runs $(RUNS)

export: $(READY) ## run RECIPE until the files for the device
	@$(BIN)/sfta run $(RECIPE) --until export --runs $(RUNS)

bundle: $(READY) $(KEY) ## run RECIPE until the signed bundle
	@$(BIN)/sfta run $(RECIPE) --until bundle --runs $(RUNS) --key $(KEY)

images: ## build the three containers (needs podman, buildah or docker)
	@for part in train export edge; do $(MAKE) --no-print-directory -C containers $$part || exit; done

bench: $(READY) ## measure speed and cost, as ratios side by side
	@for script in benchmarks/*.py; do echo "$$script"; $(BIN)/python $$script || exit; done

reference: $(READY) ## write docs/reference/cli.md and configs/reference.yaml again
	@$(BIN)/python -m sfta.cli.reference

clean: ## remove artifacts, not the caches
	@rm -rf $(RUNS) build dist *.egg-info export/*.egg-info edge/*.egg-info
