# Two commands on a fresh machine with Python 3.11+: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL := .ci/install $(BIN)/python
STAMPS := .stamps
PORT ?= 8085
WORKERS ?= 4
ENGINES ?= embedded
ifeq ($(filter embedded real,$(ENGINES)),)
$(error unknown ENGINES=$(ENGINES); known: embedded, real)
endif
unexport PYTHONDONTWRITEBYTECODE  # Python keeps what it has compiled: the processes of a run start in half the time

.PHONY: help demo docs reference engines quick test chaos format lint types imports check bench bench-detection train bench-sentiment tune lock clean

help:  ## what can be made here
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tocsin needs Python 3.11 or newer; this is $$($(PYTHON) --version). Name another with: make PYTHON=python3.12 demo"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "This Python has no venv module. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Setting up Tocsin's own environment in $(VENV) (once)..." >&2
	@$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/run: $(STAMPS)/venv pyproject.toml requirements.lock
	@echo "Installing what Tocsin runs on..."
	@$(INSTALL) -c requirements.lock -e .
	@touch $@

$(STAMPS)/dev: $(STAMPS)/venv pyproject.toml requirements.lock
	@echo "Installing Tocsin and what its tests need..."
	@$(INSTALL) -c requirements.lock -e '.[dev]'
	@touch $@ $(STAMPS)/run $(STAMPS)/engines

$(STAMPS)/engines: $(STAMPS)/venv pyproject.toml requirements.lock
	@echo "Installing Tocsin and a real Apache Kafka and PostgreSQL to run beside it..." >&2
	@$(INSTALL) -c requirements.lock -e '.[engines]'
	@touch $@ $(STAMPS)/run

ifeq ($(ENGINES),real)
demo: $(STAMPS)/engines
	@echo "Starting a real Apache Kafka and PostgreSQL on loopback (the first time their files are fetched)..."
	@$(BIN)/python -m tests.engines -- sh -c 'exec $(BIN)/tocsin demo --port $(PORT) --store "$$TOCSIN_STORE__URL" --stream "$$TOCSIN_STREAM__URL" $(DEMO_ARGS)'
else
demo: $(STAMPS)/run  ## watch a crisis being heard, judged, alerted and escalated (ENGINES=real: on Kafka and PostgreSQL)
	@$(BIN)/tocsin demo --port $(PORT) $(DEMO_ARGS)
endif

$(STAMPS)/docs: $(STAMPS)/venv pyproject.toml requirements.lock mkdocs.yml
	@$(INSTALL) -c requirements.lock $$(sed -n 's/^docs = \["\(.*\)"\].*/\1/p' pyproject.toml)
	@touch $@

docs: $(STAMPS)/docs  ## the documentation as a site in build/site; a page that the site does not name, or a heading that is not there, is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

reference: $(STAMPS)/dev  ## write docs/settings.md, commands.md and routes.md anew
	@$(BIN)/python -m tests.docs.reference

engines: $(STAMPS)/engines  ## a real Apache Kafka and PostgreSQL on loopback until Ctrl-C
	@$(BIN)/python -m tests.engines

# The unit tests wait for nothing, so that a fourth worker costs more to start than it brings.
quick: WORKERS = 3
quick: $(STAMPS)/dev  ## the tests that need no engine, browser or process of their own: at every save, a minute on two cores
	@$(BIN)/python -m pytest -n $(WORKERS) -m unit --ignore=tests/browser --ignore=tests/chaos $(TEST_ARGS)

test: $(STAMPS)/dev  ## the whole test suite, six to nine minutes on two cores (WORKERS=8: on four; TEST_ARGS="tests/api -x")
	@$(BIN)/python -m pytest -n $(WORKERS) $(TEST_ARGS)

chaos: $(STAMPS)/dev  ## the long chaos runs on real engines and wide random walks, some forty minutes: docs/chaos.md (CHAOS_ARGS="live --runs 3 --seed 7")
	@$(BIN)/python -m tests.chaos $(CHAOS_ARGS)

format: $(STAMPS)/dev  ## format the code, and fix what ruff can fix
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format .

lint: $(STAMPS)/dev  ## ruff: rules and format
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(STAMPS)/dev  ## mypy --strict
	@$(BIN)/mypy

imports: $(STAMPS)/dev  ## who may import whom
	@$(BIN)/lint-imports

check: lint types imports test  ## all of the above

bench: $(STAMPS)/dev  ## the figures in docs/performance.md and docs/everyday.md
	@$(BIN)/python -m benchmarks

bench-detection: $(STAMPS)/dev  ## the tables in docs/detection.md (DATA=FOLDER of the recordings; TOOLS=FOLDER with spike_eval.py, which needs numpy)
	@for ruler in nab "inject --seed 1" "inject --seed 2" "inject --seed 3" "inject --seed 1 --sentiment" "inject --seed 2 --sentiment" "inject --seed 3 --sentiment"; do \
	  echo "== $$ruler"; $(BIN)/python $(TOOLS)/spike_eval.py $$ruler --series-dir $(DATA)/nab_tweets --labels $(DATA)/nab_tweets/labels.json --cmd '$(BIN)/tocsin detect' || exit 1; done
	@for silent in 0 30; do $(BIN)/python -m benchmarks.detection_delay onset --silent-hours $$silent --events $(DATA)/crisislex_t26/events.json $(DATA)/crisislex_t26/times/*; done
	@for silent in 0 31; do $(BIN)/python -m benchmarks.crisis_events --silent-hours $$silent $(DATA)/crisislex_t26; done
	@$(BIN)/python -m benchmarks.detection_delay alerts $(DATA)/airline2015/stream.jsonl.gz $(DATA)/sanders2011/stream.jsonl.gz

train: $(STAMPS)/dev  ## fit the sentiment models anew (SETS=FOLDER: the labelled sets; DATA=all OUT=FOLDER: those that are not cleared, too)
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m training $(if $(SETS),--data $(SETS)) $(if $(filter all,$(DATA)),--all) $(if $(OUT),--out $(OUT))

bench-sentiment: $(STAMPS)/dev  ## how good the models are on posts they have not met (SETS=FOLDER; MODELS=FOLDER: beside a second set of models)
	@$(BIN)/python -m training.report --data $(SETS) $(if $(MODELS),--models $(MODELS))

tune: $(STAMPS)/dev  ## fit the encoder of the second opinion (SETS=FOLDER OUT=FOLDER), half an hour; DATA=all: with the sets that are not cleared, an hour more
	@$(BIN)/python -m training.tune --data $(SETS) --out $(OUT) $(if $(filter all,$(DATA)),--all) --most 3000

lock: $(STAMPS)/venv  ## write requirements.lock anew from the lower bounds in pyproject.toml
	@$(PIP) install --no-compile --upgrade -e '.[dev,docs]'
	@$(BIN)/python -m pip --disable-pip-version-check freeze --exclude-editable --exclude pip --exclude setuptools > requirements.lock

clean:  ## remove everything that was made here
	rm -rf $(VENV) $(STAMPS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
