# Everything starts here; `make` alone prints help.  Needs python3 (3.11+), gcc and make.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The first interpreter that is new enough makes the environments.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; exit; }; \
	done; echo python3)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CONSTRAINTS := tests/constraints.txt
NATIVE := $(wildcard leakhunt/*/native/*.c leakhunt/*/native/*.h)
WORKERS ?= 2

# Interpreters to hunt in; the tests read LEAKHUNT_TEST_PYTHONS.
TARGETS = $(shell PYTHON="$(PYTHON)" tests/find_pythons.sh 3.11 3.12 3.13 3.14)

TEST_ENV = LEAKHUNT_TEST_PYTHONS="$(TARGETS)"
PYTEST = $(TEST_ENV) $(BIN)/python -m pytest
# Folders that a checkout has; one that is missing is left out.
suite = $(wildcard $(addprefix tests/,$(1)))

.PHONY: help
help: ## print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- environments ------------------------------------------------------------------------------

.venv/bin/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "leakhunt needs Python 3.11 or newer; say PYTHON=/path/to/python3" >&2; exit 2; }
	"$(PYTHON)" -m venv .venv

# What the tool needs to run.
.venv/.runtime: pyproject.toml $(CONSTRAINTS) | .venv/bin/python
	$(PIP) install -c $(CONSTRAINTS) pip setuptools wheel
	PYTHONWARNINGS=ignore $(PIP) install -c $(CONSTRAINTS) --no-build-isolation --editable .
	@touch $@ .venv/.native

# A changed C file rebuilds the extension modules in place.
.venv/.native: $(NATIVE) | .venv/.runtime
	$(BIN)/python -W ignore -c 'from setuptools import setup; setup()' --quiet \
		build_ext --inplace --force
	@touch $@

# What the checks need besides.
.venv/.dev: .venv/.runtime
	$(PIP) install -c $(CONSTRAINTS) --group dev --group docs
	@touch $@

# The shop's own environment: aiohttp and no leakhunt.
.venv-shop/.ready: $(CONSTRAINTS) fixtures/shop/requirements.txt
	@test -x .venv-shop/bin/python || "$(PYTHON)" -m venv .venv-shop
	.venv-shop/bin/python -m pip --disable-pip-version-check --quiet install \
		-c $(CONSTRAINTS) -r fixtures/shop/requirements.txt
	@touch $@

# The real heap of the analysis figures: many libraries and a data set, and igraph as a peer.
.venv-heap/.ready: fixtures/real_heap/requirements.txt
	@test -x .venv-heap/bin/python || "$(PYTHON)" -m venv .venv-heap
	.venv-heap/bin/python -m pip --disable-pip-version-check --quiet install \
		-r fixtures/real_heap/requirements.txt
	@touch $@

.PHONY: heap-env
heap-env: .venv-heap/.ready ## the environment of the real heap in the analysis figures

# Other heap analysers, to compare with; without npm there is nothing to compare with.
NPM := npm --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error
tests/oracles/build/.ready: tests/oracles/package.json tests/oracles/bundle_devtools.mjs
	cd tests/oracles && $(NPM) install && node bundle_devtools.mjs
	@touch $@

.PHONY: oracles
oracles: ## install Chrome DevTools' heap engine, memlab and Graphviz (needs npm)
	@if command -v npm >/dev/null && command -v node >/dev/null; then \
		$(MAKE) tests/oracles/build/.ready; \
	else echo "no npm here: nothing is compared with Chrome DevTools and memlab" >&2; fi

# Servers to attach to: gunicorn, uvicorn, celery, Django, and no leakhunt.
.venv-servers/.ready: $(CONSTRAINTS) fixtures/servers/requirements.txt
	@test -x .venv-servers/bin/python || "$(PYTHON)" -m venv .venv-servers
	.venv-servers/bin/python -m pip --disable-pip-version-check --quiet install \
		-c $(CONSTRAINTS) -r fixtures/servers/requirements.txt
	@touch $@

# Suites of published packages, from their source distributions, for the pytest plugin.
.venv-suites/.ready: $(CONSTRAINTS) fixtures/suites/requirements.txt fixtures/suites/tools.txt
	@test -x .venv-suites/bin/python || "$(PYTHON)" -m venv .venv-suites
	.venv-suites/bin/python -m pip --disable-pip-version-check --quiet install \
		-c $(CONSTRAINTS) -r fixtures/suites/tools.txt
	rm -rf .venv-suites/src .venv-suites/sdist && mkdir -p .venv-suites/src .venv-suites/sdist
	for one in $$(grep -o '^[a-z-]*==[0-9.]*' fixtures/suites/requirements.txt); do \
		.venv-suites/bin/python -m pip --disable-pip-version-check --quiet download --no-deps \
			--no-binary "$${one%%=*}" --dest .venv-suites/sdist "$$one"; \
	done
	for file in .venv-suites/sdist/*.tar.gz; do tar xzf "$$file" -C .venv-suites/src; done
	.venv-suites/bin/python -m pip --disable-pip-version-check --quiet install --no-deps \
		.venv-suites/sdist/*.tar.gz
	@touch $@

.PHONY: suites
suites: .venv-suites/.ready ## the suites of published packages that the slow tests watch

# An environment for each interpreter; an editable install adds its extension modules to the tree.
.PHONY: plugin-pythons
plugin-pythons: setup ## the tests of the pytest plugin, run by every interpreter (minutes)
	@for python in $(TARGETS); do \
		env=.venv-plugin/$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		test -x $$env/bin/python || "$$python" -m venv $$env; \
		pip="$$env/bin/python -m pip --disable-pip-version-check --quiet install -c $(CONSTRAINTS)"; \
		$$pip pip setuptools wheel; \
		PYTHONWARNINGS=ignore $$pip --no-build-isolation --editable . --group test; \
		echo "== $$env"; \
		$$env/bin/python -m pytest -q -m "not slow and not bench" -n $(WORKERS) --dist loadfile \
			$(call suite,pytest_plugin unit/testing); \
	done

.PHONY: servers
servers: .venv-servers/.ready ## the servers that the slow tests attach to

# Queue workers on brokers in memory, and no leakhunt.
.venv-queues/.ready: fixtures/queues/requirements.txt
	@test -x .venv-queues/bin/python || "$(PYTHON)" -m venv .venv-queues
	.venv-queues/bin/python -m pip --disable-pip-version-check --quiet install \
		-r fixtures/queues/requirements.txt
	@touch $@

.PHONY: queues
queues: .venv-queues/.ready ## the queue workers that the slow tests count jobs in

.PHONY: setup
setup: .venv/.runtime .venv/.native .venv/.dev ## create .venv with everything (quick when up to date)

# --- the tool ----------------------------------------------------------------------------------

.PHONY: hunt
hunt: .venv/.runtime .venv/.native .venv-shop/.ready ## hunt the example shop under real HTTP requests
	@status=0; \
	$(BIN)/leakhunt hunt --scenario fixtures/scenarios/shop/leaky.py --cycles 200 --warmup 20 \
		--python .venv-shop/bin/python $(HUNT_ARGS) || status=$$?; \
	case $$status in \
	1) echo "exit code 1 = LEAK: as it should be, the shop leaks on purpose";; \
	0) echo "exit code 0: the shop leaks on purpose and no LEAK was found" >&2; exit 1;; \
	*) echo "exit code $$status: the hunt itself failed" >&2; exit $$status;; \
	esac

# --- checks ------------------------------------------------------------------------------------

.PHONY: test
test: lint types contracts docs ## all that must pass before a change lands (ends with pytest's summary)
	@$(MAKE) suite

.PHONY: suite
suite: setup .venv-shop/.ready
	$(PYTEST) -m "not slow and not bench" -n $(WORKERS) --dist loadfile tests

.PHONY: lint
lint: setup ## style of Python and C, warnings of the C compiler, news fragments
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run -Werror $(NATIVE)
	@$(MAKE) c-warnings C_PYTHON=$(BIN)/python
	$(BIN)/towncrier build --draft --version next >/dev/null

.PHONY: c-warnings
C_PYTHON ?= $(BIN)/python
c-warnings:
	@include="$$($(C_PYTHON) -c 'import sysconfig; print(sysconfig.get_path("include"))')"; \
	for c in $(filter %.c,$(NATIVE)); do \
		$(or $(CC),cc) -std=gnu11 -O2 -Wall -Wextra -Wshadow -Wvla -Werror -fsyntax-only \
			-isystem "$$include" -Ileakhunt/agent/native -Ileakhunt/store/native -I"$$(dirname $$c)" $$c; \
	done

.PHONY: format
format: setup ## format the sources, Python and C
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(NATIVE)

.PHONY: types
types: setup ## mypy --strict over leakhunt and tests
	$(BIN)/mypy

.PHONY: contracts
contracts: setup ## imports point down (import-linter)
	$(BIN)/lint-imports

.PHONY: unit
unit: setup ## the quick tests
	$(PYTEST) -m "not slow and not bench" -n $(WORKERS) --dist loadfile \
		--ignore tests/unit/fixtures $(call suite,contract unit golden)

.PHONY: fuzz
fuzz: setup ## a million damaged snapshot files (minutes)
	LEAKHUNT_FUZZ_MUTATIONS=$(or $(N),1000000) $(PYTEST) --timeout 0 $(call suite,fuzz)

.PHONY: test-all
test-all: test plugin-pythons asan oracles servers suites queues ## test, then the slow tests, every interpreter's C warnings and the sanitizers
	@for python in $(TARGETS); do $(MAKE) c-warnings C_PYTHON=$$python; done
	$(PYTEST) -m slow --timeout 0 tests || { test $$? = 5 && echo "no slow tests"; }

.PHONY: zoo
zoo: setup ## hunt real leaks of published libraries, each in its own environment (minutes)
	$(BIN)/python -m tests.zoo $(CASES)

.PHONY: asan
asan: setup ## the native code under the address and undefined-behaviour sanitizers
	tests/asan.sh $(BIN)/python

# Modules of tests/benchmarks that can be run; a *_target is run by one of them.
BENCHMARKS = $(filter-out %_target,\
	$(subst /,.,$(basename $(shell grep -l '__main__' tests/benchmarks/*.py))))
.PHONY: bench
bench: setup heap-env .venv-shop/.ready ## measure (informs, never fails)
	@for module in $(BENCHMARKS); do \
		echo "== $$module"; $(TEST_ENV) $(BIN)/python -m $$module; \
	done

.PHONY: docs
docs: setup ## build the manual; warnings are errors
	$(BIN)/sphinx-build -W --keep-going -q -n -b html docs docs/_build/html

.PHONY: build
build: setup ## sdist and wheel; the wheel is installed and tried
	rm -rf build/wheel dist
	$(BIN)/python -m build --no-isolation --outdir dist . >build.log 2>&1 || { cat build.log; exit 1; }
	@rm build.log
	"$(BIN)/python" -m venv build/wheel
	build/wheel/bin/python -m pip --disable-pip-version-check --quiet install \
		-c $(CONSTRAINTS) dist/*.whl
	cd build/wheel && bin/leakhunt --version && bin/python -I -c \
		'import leakhunt.agent._heap, leakhunt.store._decode, leakhunt.graph._kernels, \
		leakhunt.interop._decimal, leakhunt.tracemalloc_ext'
	build/wheel/bin/leakhunt hunt --scenario fixtures/scenarios/cache/clean.py --cycles 50
	@ls -l dist

.PHONY: clean
clean: ## remove what can be made again (environments stay)
	rm -rf build dist docs/_build htmlcov .coverage .coverage.* .mypy_cache .ruff_cache \
		.pytest_cache .hypothesis .import_linter_cache *.egg-info
	find leakhunt tests fixtures docs -name __pycache__ -prune -exec rm -rf {} +
	find leakhunt -name '*.so' -delete
	rm -f .venv/.native

.PHONY: clean-all
clean-all: clean ## remove the environments too
	rm -rf .venv .venv-shop .venv-servers .venv-suites .venv-queues .venv-plugin
