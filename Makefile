# `make help` lists what there is. Each target installs what it needs first.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUST := $(shell find rust -name '*.rs' -o -name 'Cargo.toml') Cargo.toml Cargo.lock
CORE := $(VENV)/.core
DEPS := $(VENV)/.deps
# Much of the suite waits for timers of SIP, so one worker more than there are cores; a file stays with one.
WORKERS ?= $(shell echo $$(($$(nproc) < 8 ? $$(nproc) + 1 : 8)))

.PHONY: help build wheel demo test lint bench chaos fuzz pair packages clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

build: $(CORE)  ## Make .venv with the command `siprecord` in it
	@echo "== ready: $(BIN)/siprecord --help"

wheel: $(DEPS)  ## Make dist/siprecord-*.whl, for machines without Rust
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/maturin build --quiet --release --interpreter $(BIN)/python --out dist
	@ls dist/*.whl

demo: build packages  ## Start a server, record a real two-party SIPREC call, check the audio that came back
	@$(BIN)/python scripts/demo.py

test: build packages lint  ## Everything that must hold: lint, types, layers, Rust tests, Python tests
	@echo "== Rust tests"
	@cargo test --quiet --workspace --exclude siprecord-python
	@echo "== Python tests"
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(CORE)  ## Format, lint, types and import rules, both languages
	@echo "== ruff, mypy, import-linter"
	@$(BIN)/ruff format --check --quiet src tests scripts benchmarks examples fuzz
	@$(BIN)/ruff check --quiet src tests scripts benchmarks examples fuzz
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache >/dev/null || $(BIN)/lint-imports --no-cache
	@echo "== rustfmt, clippy"
	@cargo fmt --all --check
	@PYO3_PYTHON=$(CURDIR)/$(BIN)/python cargo clippy --quiet --workspace --all-targets -- -D warnings

bench: build packages  ## Run the benchmarks (ONLY=name for one), print a table, write benchmarks/latest.json
	@$(BIN)/python benchmarks/run.py $(if $(ONLY),--only $(ONLY))

chaos: build packages  ## Prove R1 to R15 under real calls (CALLS, KILLS, SEED, ONLY=R9), write chaos-report.json (OUTPUT)
	@$(BIN)/python scripts/chaos.py --calls $(or $(CALLS),100) --kills $(or $(KILLS),20) \
	    $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED)) $(if $(OUTPUT),--output $(OUTPUT))

pair: wheel build  ## Follow docs/howto/two-nodes.md on fresh Debian machines with systemd (root; some minutes)
	@{ command -v debootstrap && command -v systemd-nspawn; } >/dev/null || apt-get install -y -qq debootstrap systemd-container
	@$(BIN)/python scripts/pair.py

fuzz: build  ## Feed mutated input to all that reads (TARGET=name, all or rust; INPUTS=200000 for each, SEED, JOBS)
ifneq ($(TARGET),rust)
	@$(BIN)/python -m fuzz.run --target $(or $(TARGET),all) --inputs $(or $(INPUTS),200000) \
	    --seed $(or $(SEED),7) --jobs $(or $(JOBS),1)
endif
ifneq ($(filter rust all,$(or $(TARGET),all)),)
	@cargo run --quiet --release --package siprecord-fuzz -- --inputs $(or $(INPUTS),1000000) \
	    --seed $(or $(SEED),7) --jobs $(or $(JOBS),1)
endif

packages:  ## Install the Debian packages that the demo and the tests use
	@scripts/packages.sh

clean:  ## Remove what the build made
	rm -rf $(VENV) target .build

$(DEPS): requirements.lock
	@scripts/venv.sh "$(PYTHON)" "$(VENV)"
	@touch $@

$(CORE): $(DEPS) $(RUST) pyproject.toml
	@echo "== building the Rust core (a minute or two the first time)"
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pip install --quiet --disable-pip-version-check \
	    --no-deps --no-build-isolation --editable . \
	    || { echo "the Rust core did not build; the reason stands above" >&2; exit 1; }
	@touch $@
