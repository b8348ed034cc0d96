# Écluse's house. `make demo` and `make test` set everything up by themselves; the first run downloads, later ones start at once.
# All that is installed is locked and hashed (requirements/); nothing is built from source and nothing is installed outside .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH := .venv-bench
FUZZ := .venv-fuzz
# For how long each reader is fuzzed: `make fuzz SECONDS=600`.
SECONDS ?= 60
PIP := -m pip --disable-pip-version-check --quiet
INSTALL := $(PIP) install --require-hashes --no-deps --only-binary :all:
# One process for each core, a file never split, the longest first (tests/conftest.py): every process starts its own database servers, and stops them.
WORKERS ?= 2
# 100 % where the public age vectors are installed (CONTRIBUTING); without them `proof` falls a little short.
FLOORS := base proof people terms passage inspection
PYTEST := $(BIN)/pytest $(addprefix --cov=src/ecluse/,$(FLOORS)) --cov-branch --cov-fail-under=99 --cov-report=term:skip-covered

# Whole passages, signed instruction to certificate, each from an empty folder: `make passages ONLY=segur`.
PASSAGES := tests/real/test_gnuhealth_passage.py tests/real/test_hprim_to_openelis.py tests/real/test_whole_passages.py \
	tests/ports/test_same_people.py tests/ports/test_letters_passage.py
ONLY ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test passages check format docs pictures bench fuzz judges wheel lock changelog clean

help: ## Say what can be done
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r verb what; do printf '  make %-10s %s\n' "$$verb" "$$what"; done

demo: $(VENV)/.ready ## Invent a laboratory and carry its records through the lock
	@rm -rf ecluse-demo  # made by the same command before, and by nobody else
	@$(BIN)/ecluse demo

test: check ## Everything: the checks, then every test, with what was skipped named at the end
	$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder

passages: $(VENV)/.ready-dev ## Carry each whole passage of docs/how-to/carry-files.md from an empty folder (ONLY=word: those so named)
	$(BIN)/pytest -v -rs $(PASSAGES) -k "$(ONLY)"

check: $(VENV)/.ready-dev ## Format, lint, types, import contracts, generated pages
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m house check

format: $(VENV)/.ready-dev ## Write the code as `make check` wants it
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

docs: $(VENV)/.ready-dev ## Write the pages of docs/reference that come from the code
	$(BIN)/python -m house write

pictures: $(VENV)/.ready-dev ## Take the manual's pictures of pages again (Debian's Chromium)
	$(BIN)/python -m tests.pictures

bench: $(BENCH)/.ready ## The figures of docs/reference/figures.md (long: never part of a test)
	$(BENCH)/bin/python -m bench

fuzz: $(FUZZ)/.ready ## Give each reader octets that coverage leads, SECONDS each (long: never part of a test)
	$(FUZZ)/bin/python -m fuzz $(SECONDS)

judges: ## Get the second implementations that judge us, beside the project (npm, Java and GPL programs; optional)
	@sh house/judges.sh

wheel: $(VENV)/.ready-dev ## Build dist/ecluse-*.whl
	$(BIN)/python -m build --wheel --no-isolation --outdir dist

lock: $(VENV)/.ready-dev ## Choose the versions of everything again, and hash them
	$(BIN)/python -m house lock

changelog: $(VENV)/.ready-dev ## Show what the next CHANGELOG section will say
	$(BIN)/towncrier build --draft

clean: ## Remove all that was made here, virtual environments included
	rm -rf $(VENV) $(BENCH) $(FUZZ) build dist demo ecluse-demo .coverage .coverage.* htmlcov .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# --- virtual environments: a stamp for each, older than its list only when the list changed -----------------------------

$(BIN)/python:
	@sh house/venv.sh $(PYTHON) $(VENV)

$(VENV)/.ready: requirements/lock.txt pyproject.toml | $(BIN)/python
	@echo "Installing what the program needs (once)"
	@$(BIN)/python $(INSTALL) -r requirements/lock.txt
	@$(BIN)/python $(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.ready-dev: requirements/dev.txt $(VENV)/.ready
	@echo "Installing what the tests need (once)"
	@$(BIN)/python $(INSTALL) -r requirements/dev.txt
	@touch $@

$(BENCH)/.ready: requirements/lock.txt requirements/bench.txt pyproject.toml
	@test -x $(BENCH)/bin/python || sh house/venv.sh $(PYTHON) $(BENCH)
	@echo "Installing what the benches compare with (once)"
	@$(BENCH)/bin/python $(INSTALL) -r requirements/lock.txt -r requirements/bench.txt
	@$(BENCH)/bin/python $(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(FUZZ)/.ready: requirements/lock.txt requirements/fuzz.txt pyproject.toml
	@test -x $(FUZZ)/bin/python || sh house/venv.sh $(PYTHON) $(FUZZ)
	@echo "Installing the fuzzer (once)"
	@$(FUZZ)/bin/python $(INSTALL) -r requirements/lock.txt -r requirements/fuzz.txt
	@$(FUZZ)/bin/python $(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
