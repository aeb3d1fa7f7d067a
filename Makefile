# kernevo. `make help` lists what there is.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help search test check bench suite gpu clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

search: $(READY) ## Search for a faster softmax for MI300X, modelled: needs no GPU and no key
	$(BIN)/kernevo run experiments/configs/softmax.toml

test: $(READY) ## Run the whole test suite
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

check: $(READY) ## Check format, lint, types, floors and that mlflow/ hides nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if find mlflow -name '*.py' | grep .; then echo 'mlflow/ must hold no .py: it would hide the package'; exit 1; fi

bench: $(READY) ## Measure what the README states, into experiments/results/
	$(BIN)/python -m experiments.bench.throughput
	$(BIN)/python -m experiments.bench.engine
	$(BIN)/python -m experiments.bench.landscape
	$(BIN)/python -m experiments.bench.endurance
	$(BIN)/python -m experiments.bench.ranking
	$(BIN)/python -m experiments.bench.gains
	$(BIN)/python -m experiments.bench.overlap
	$(BIN)/python -m experiments.bench.faults
	$(BIN)/python -m experiments.bench.demo
	$(BIN)/python -m experiments.bench.report
	$(BIN)/python -m experiments.bench.tracked
	$(BIN)/python -m experiments.bench.estimators
	$(BIN)/python -m experiments.bench.staleness
	$(BIN)/python -m experiments.bench.fleet

suite: $(READY) ## Search every core task, then compare with what a user would do; goes on where it stopped
	$(BIN)/python -m pytest -m thorough -n auto
	$(BIN)/python -m experiments.bench.suite
	$(BIN)/python -m experiments.bench.rivals

GPU ?= cuda:0
gpu: $(READY) ## Measure on a GPU (GPU=cuda:0) what can be measured on none; most of it goes on where it stopped
	$(BIN)/python -m experiments.bench.replayed --devices $(GPU)
	$(BIN)/python -m experiments.bench.exploits
	$(BIN)/python -m experiments.bench.judge_faults --device $(GPU)
	$(BIN)/python -m experiments.bench.noise --devices $(GPU)
	$(BIN)/python -m experiments.bench.pace --device $(GPU)
	$(BIN)/python -m experiments.bench.demo --device $(GPU)
	$(BIN)/python -m experiments.bench.top_ten --device $(GPU)
	$(BIN)/python -m experiments.bench.measured_suite --devices $(GPU)

clean: ## Remove the environment and caches; runs/ stays
	rm -rf $(VENV) *.egg-info .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "kernevo needs Python 3.11 or later, got " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
