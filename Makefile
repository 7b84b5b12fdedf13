# The front door. Every target works on a machine with Python 3.11+, make and the package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp-dev

.DEFAULT_GOAL := help
.PHONY: help setup bytecode demo test check soak fuzz bench bench-scale eval notebooks docs sbom audit lock clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv with the locked dependencies and the command policytrail

$(STAMP): requirements/dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "PolicyTrail needs Python 3.11 or newer: make PYTHON=python3.12 setup")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

bytecode: setup ## compile modules, as pip does for what it installs: not every environment lets Python do so when it loads them
	$(BIN)/python -m compileall -q pipeline tests benchmarks demo

demo: bytecode ## simulated archives with planted attacks on an embedded S3 server, then the main job
	$(BIN)/python -m demo

test: bytecode ## every test (under 10 minutes)
	$(BIN)/python -m pytest -n 2 -m "not soak" $(ARGS)

check: setup ## formatting, lint, types, floors, generated docs
	$(BIN)/ruff format --check pipeline tests benchmarks demo
	$(BIN)/ruff check pipeline tests benchmarks demo
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pipeline.jobs.docs --check

soak: bytecode ## the long forms: 1,000 kills, large Hypothesis runs
	$(BIN)/python -m pytest -m soak $(ARGS)

fuzz: setup ## coverage-guided fuzzing of the parsers (FUZZ_SECONDS=60)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/fuzz.txt
	$(BIN)/python -m tests.fuzz $(or $(FUZZ_SECONDS),60)

bench: bytecode ## ingest beside DuckDB, chdb, polars and the limit, small files, S3 (under 15 minutes)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/bench.txt
	$(BIN)/python -m benchmarks $(ARGS)

bench-scale: bytecode ## 1, 5 and 10 million events, a run without news, the main job (ARGS="--events 1000000 5000000" is shorter)
	$(BIN)/python -m benchmarks.scale $(ARGS)

eval: bytecode ## how well detection works, on seeds that were not tuned on
	$(BIN)/python -m pipeline.jobs.evaluate

notebooks: setup ## run the notebooks over a lake of planted attacks
	$(BIN)/python -m pytest tests/notebooks $(ARGS)

sbom: setup ## software bill of materials (CycloneDX) of what is installed at run time
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/audit.txt
	mkdir -p build && $(BIN)/python -W ignore::UserWarning -m cyclonedx_py requirements --pyproject pyproject.toml requirements/run.txt --output-format JSON --output-file build/sbom.json --output-reproducible

audit: setup ## known vulnerabilities of the locked dependencies (needs the advisories' service)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/audit.txt
	$(BIN)/pip-audit --strict --requirement requirements/run.txt --require-hashes --disable-pip || { \
	  echo "make audit: no clean bill. What was found stands above; 'could not be audited' means that the advisories'"; \
	  echo "service is out of reach: then nothing is known, which is not the same as nothing found."; exit 1; } >&2

docs: setup ## write the generated docs (command help, model DAG, column tables)
	$(BIN)/python -m pipeline.jobs.docs

lock: ## renew requirements/*.txt from requirements/*.in (needs uv)
	cd requirements && for name in run dev bench audit fuzz; do \
	  uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --quiet $$name.in -o $$name.txt; done

clean: ## remove what the targets made
	rm -rf $(VENV) build dist lake report
