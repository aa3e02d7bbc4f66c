ifneq ($(words $(CURDIR)),1)
$(error The path of this folder has a space, which make and ssh do not take: move the folder)
endif

.DEFAULT_GOAL := help
PORT ?= 8080
TLS_PORT ?= 8443
PYTHON ?= python3
# What the demo says at its end is counted from here, as the tools and the engine come before it.
BEGAN := $(shell date +%s)
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/collections
CHANGELOG := uv run --quiet --no-project --isolated --with-requirements changelogs/requirements.txt antsibull-changelog
SCENARIOS := $(notdir $(patsubst %/molecule.yml,%,$(wildcard molecule/*/molecule.yml)))
# The longest ones first, so that the others run beside them; those for the night are not for every day.
LONG = releases mysql nginx app_deploy
DAILY = $(foreach name,$(LONG),$(filter $(name),$(SCENARIOS))) $(filter-out $(LONG) nightly_%,$(SCENARIOS))
# What has tests that are marked for the night, and what is for the night as a whole.
MARKED = $(sort $(foreach file,$(shell grep -rl --include=*.py 'mark\.nightly' tests/host),$(word 3,$(subst /, ,$(file)))))
NIGHTLY = $(if $(shell grep -rl --include=*.py 'mark\.nightly' tests/contracts tests/templates tests/unit),unit-nightly) \
  galaxy-nightly molecule-releases $(patsubst %,molecule-%,$(filter-out releases,$(sort $(filter nightly_%,$(SCENARIOS)) $(MARKED))))

.PHONY: help demo down test nightly lint unit unit-nightly guestbook galaxy galaxy-nightly docs molecule $(SCENARIOS:%=molecule-%) bench bench-deploy bench-scale bench-tls bench-mixed changelog lock clean engine

help: ## List the targets
	@grep -hE '^[a-z%-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: $(BIN)/.complete engine ## Set the site up on containers of this machine and look at it; PORT=8080 and TLS_PORT=8443 show it
	@$(BIN)/python demo/demo.py up --port $(PORT) --tls-port $(TLS_PORT) --began $(BEGAN)

down: $(BIN)/.complete engine ## Remove what the demo has made
	@$(BIN)/python demo/demo.py down

test: $(BIN)/.complete engine ## Run all tests: lint, unit, guestbook, galaxy and every Molecule scenario
	@$(BIN)/python tests/run.py unit lint guestbook galaxy $(DAILY:%=molecule-%)

nightly: $(BIN)/.complete engine ## Run the long tests: releases under load and faults, and what is marked for the night
	@PYTEST_ADDOPTS='-m "nightly or not nightly"' $(BIN)/python tests/run.py $(NIGHTLY)

lint: $(BIN)/.complete ## Check the style of everything
	yamllint .
	ansible-lint
	ruff check
	ruff format --check
	mypy
	$(CHANGELOG) lint
	$(CHANGELOG) lint-changelog-yaml changelogs/changelog.yaml

unit: $(BIN)/.complete ## Run the tests that need no machine
	pytest

unit-nightly: $(BIN)/.complete
	pytest -m nightly

guestbook: $(BIN)/.complete ## Run the demo application's own tests, in its own environment
	cd examples/guestbook && uv run --quiet --no-project --isolated \
	  --with-requirements requirements.txt --with-requirements requirements-dev.txt pytest

galaxy: $(BIN)/.complete engine ## Build the collection, install it elsewhere and use its roles there
	pytest tests/galaxy

galaxy-nightly: $(BIN)/.complete
	pytest -m nightly tests/galaxy

docs: $(BIN)/.complete ## Build the documentation site into .cache/site
	uv run --quiet --no-project --isolated --with-requirements docs/requirements.txt mkdocs build --strict

# A pattern alone would be passed over, as its targets are phony.
molecule-nginx: ## Run one Molecule scenario; there is one for each role, and molecule-default for site.yml
$(SCENARIOS:%=molecule-%): molecule-%: $(BIN)/.complete engine
	molecule test --scenario-name $*

bench: $(BIN)/.complete engine ## Measure site.yml beside a shell script and popular roles that do the same
	$(BIN)/python bench/bench.py --rounds 6

bench-deploy: $(BIN)/.complete engine ## Measure releases beside other ways to make them, and beside a shell script
	$(BIN)/python bench/deploy.py --plot docs/releases.svg

bench-scale: $(BIN)/.complete engine ## Measure what further sites and servers cost a run
	$(BIN)/python bench/scale.py --rounds 3

bench-tls: $(BIN)/.complete engine ## Measure TLS handshakes beside an nginx that is set up by hand
	$(BIN)/python bench/handshakes.py

bench-mixed: $(BIN)/.complete engine ## Measure quick and slow requests at once, by kinds of workers
	$(BIN)/python bench/mixed.py

changelog: $(BIN)/.complete ## Move changelogs/fragments into the changelog of a release
	$(CHANGELOG) release

LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --upgrade --quiet
lock: $(BIN)/.complete ## Renew requirements.txt from pyproject.toml, and those of changelogs/, docs/, tests/galaxy/ and tests/grades/
	$(LOCK) --group dev --output-file requirements.txt pyproject.toml
	$(LOCK) --output-file docs/requirements.txt docs/requirements.in
	$(LOCK) --output-file changelogs/requirements.txt changelogs/requirements.in
	$(LOCK) --output-file tests/galaxy/requirements.txt tests/galaxy/requirements.in
	$(LOCK) --output-file tests/grades/requirements.txt tests/grades/requirements.in

clean: ## Remove the tools and what they have cached
	rm -rf .venv .cache .ansible .pytest_cache .mypy_cache .ruff_cache

engine:
	@machines/engine

$(BIN)/.complete: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed: run make PYTHON=python3.13, or whatever yours is called." >&2; exit 1; }
	@echo "Installing the tools into .venv (about a minute) ..."
	@$(PYTHON) -m venv .venv || \
	  { echo "Python has no venv: run apt-get install python3-venv, or your system's equivalent." >&2; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements.txt || \
	  { echo "The tools could not be installed: check the network and run this again." >&2; exit 1; }
	@touch $@
