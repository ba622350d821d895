# Every target sets up what it needs: see tools/setup.sh. `make help` lists the targets.
PYTHON := .venv/bin/python
WORKERS ?= 2
ARGS ?=

# What a user types as DATE="..." reaches the demo as it is: neither make nor a shell expands it.
override DATE := $(value DATE)
export DATE

# Set up again when the pins change, when this folder was moved, or when the Python behind .venv is gone.
STAMP := .venv/.set-up-$(shell pwd -P | cksum | cut -d ' ' -f 1)
ifneq ($(shell $(PYTHON) -c 'print(1)' 2>/dev/null),1)
$(STAMP): no-environment
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo bench peers test lint types format constraints docs hooks clean distclean no-environment

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(STAMP) ## compile the date translator and run it: make demo DATE="3 May 1987"
	@$(PYTHON) examples/dates/demo.py

test: $(STAMP) ## run the tests and the doctests: make test ARGS="-k lstm"
	OPENBLAS_NUM_THREADS=1 $(PYTHON) -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

lint: $(STAMP) ## check style and format
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

types: $(STAMP) ## check types
	$(PYTHON) -m mypy

format: $(STAMP) ## mend style and format where that can be done safely
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

setup: $(STAMP) ## make the environment, .venv
	@echo ".venv is ready"

hooks: $(STAMP) ## run lint, format and types at every commit
	$(PYTHON) -m pre_commit install

constraints: $(STAMP) ## write what .venv holds to constraints.txt
	$(PYTHON) tools/constraints.py

docs: $(STAMP) ## write the pages that are made from the tests
	$(PYTHON) -m tools.operators
	$(PYTHON) -m tools.language
	$(PYTHON) -m tools.numpy_names

bench: $(STAMP) ## measure all programs beside Chainer, and the peers if set up: writes docs/performance.md
	$(PYTHON) -m benchmarks --page $(ARGS)

peers: $(STAMP) ## set up PyTorch and onnxruntime for the benchmarks, in .venv-peers
	$(PYTHON) -m benchmarks.peers

clean: ## remove what builds and tests leave
	rm -rf build dist out *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .pkl_memoize_py3
	find astfront benchmarks examples passes tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove the environment too
	rm -rf .venv .venv-peers .uv

$(STAMP): pyproject.toml constraints.txt tools/setup.sh
	@echo "setting up .venv"
	@tools/setup.sh
	@rm -f .venv/.set-up-*
	@touch $@
