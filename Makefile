# Everything a developer does here, from a clone and without root: needs Rust, Python 3.10+, Node 20+ and make.
# `make` alone lists the targets. Python packages go into .venv, Node packages into node/node_modules and node/web/node_modules.
# The tests in a browser take the system's Chromium.

SHELL := bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(abspath $(VENV)/bin)
NODE_MODULES := node/node_modules
NODE_BIN := $(abspath $(NODE_MODULES)/.bin)
WEB_MODULES := node/web/node_modules
# Always the whole workspace with the same features: another choice would compile the dependencies again.
ALL := --workspace --features memcore/cli,memcore/nats,memcore/highs

# One folder of build results for tests, wheel, addon and demo.
export CARGO_TARGET_DIR ?= $(abspath target)
# napi always names the target, which makes a folder of its own: the wheel does the same to share what was built.
TARGET = $(shell rustc --version --verbose | sed -n 's/^host: //p')
# The tests that need a NATS server start the one of the virtual environment, and fail where it is missing.
export PATH := $(PATH):$(BIN)
export MEMCORE_REQUIRE_NATS := 1
# HiGHS is built by cmake with a C++ compiler; its bindings are made with libclang. Both tools come from PyPI into the virtual
# environment, so that nothing has to be installed; a LIBCLANG_PATH of your own is kept.
# Empty counts as unset: it is what a make that began before there was a virtual environment hands to the makes that it starts.
ifeq ($(strip $(LIBCLANG_PATH)),)
export LIBCLANG_PATH = $(shell ls -d $(abspath $(VENV))/lib/python3*/site-packages/clang/native 2>/dev/null)
endif
HIGHS := need-cxx $(VENV)/.stamp
ifdef CI
# In a clean clone nothing is built a second time, and Cargo.lock is what was reviewed.
export CARGO_INCREMENTAL := 0
LOCKED := --locked
# Wheel and addon, which name the target, stand on what the tests were built on: all is compiled once.
export CARGO_BUILD_TARGET := $(TARGET)
PROFILE := dev
endif
PROFILE ?= release

##@ Use
.PHONY: help demo bench bench-link bench-page peers peers-energy peers-optimize peers-link docs
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

demo: need-rust ## A simulated street over TLS on this machine; options: ARGS="--for 20s --json"
	cargo run $(LOCKED) --profile quick -p memcore --features cli --bin memcore -- demo $(ARGS)

bench: need-rust $(HIGHS) ## Measure the figures of the README on this machine
	cargo run $(LOCKED) --release -p memcore-benches --bin figures -- $(ARGS)

bench-link: need-rust ## Load on a server of its own, on loopback; ARGS="--connections 1000 --storm"
	cargo run $(LOCKED) --release -p memcore --features cli --bin memcore -- bench-link $(ARGS)

bench-page: addon $(WEB_MODULES)/.stamp need-chromium ## What the page costs in a browser: how soon it can be used, what it loads, how soon a year is drawn
	cd node/web && $(abspath $(WEB_MODULES))/.bin/playwright test --config figures.config.ts

peers: wheel ## The same points through SQLite, DuckDB, Parquet, VictoriaMetrics and memcore; ARGS="--points 700000 --write"
	cargo build $(LOCKED) --release -p memcore-benches --bin figures
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r benches/peers/requirements.txt
	MEMCORE_FIGURES=$(CARGO_TARGET_DIR)/release/figures $(BIN)/python benches/peers/peers.py --folder $(CARGO_TARGET_DIR) $(ARGS)

peers-energy: wheel ## The energy kernel and pandas doing the same work; ARGS="--rows 200000 --write"
	$(BIN)/python benches/peers/energy.py $(ARGS)

# The other planners need hundreds of packages, so they get a virtual environment of their own beside what is built.
PLANNERS := $(CARGO_TARGET_DIR)/peers-optimize-venv
peers-optimize: wheel ## The same plans by EMHASS, PyPSA, oemof.solph, cvxpy and memcore; ARGS="--only memcore cvxpy --write"
	[ -d $(PLANNERS) ] || $(PYTHON) -m venv $(PLANNERS)
	$(PLANNERS)/bin/python -m pip install --quiet --disable-pip-version-check -r benches/peers/requirements-optimize.txt
	$(PLANNERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall $(CARGO_TARGET_DIR)/wheels/*.whl
	$(PLANNERS)/bin/python benches/peers/optimize.py $(ARGS)

# Node's own SQLite is taken where it has one; the MQTT client gets a virtual environment beside what is built.
LINK_PEERS := $(CARGO_TARGET_DIR)/peers-link-venv
peers-link: need-rust ## The same readings over TLS into memcore, Node with SQLite, and Mosquitto with a subscriber; ARGS="--write"
	cargo build $(LOCKED) --release -p memcore --features cli --bin memcore
	[ -d $(LINK_PEERS) ] || $(PYTHON) -m venv $(LINK_PEERS)
	$(LINK_PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r benches/peers/link/requirements.txt
	node -e "require('node:sqlite')" 2>/dev/null || npm --prefix benches/peers/link install --no-audit --no-fund --loglevel=error || true
	MEMCORE=$(CARGO_TARGET_DIR)/release/memcore $(LINK_PEERS)/bin/python benches/peers/link.py $(ARGS)

docs: need-rust $(HIGHS) ## The Rust documentation, into target/doc
	RUSTDOCFLAGS="-D warnings" cargo doc $(LOCKED) $(ALL) --no-deps
	@echo "open $(CARGO_TARGET_DIR)/doc/memcore/index.html"

##@ Test
STEPS := check test-rust test-python test-node test-browser test-examples
.PHONY: test $(STEPS)
# Each heading carries the time of the step before it: the last lines are the last test runner's own.
test: ## Everything below, in this order
	@set -e; before=; \
	for step in $(STEPS); do \
		printf '\n==== make %s ====%s\n' "$$step" "$$before"; start=$$SECONDS; \
		$(MAKE) "$$step"; \
		before=" ($$step took $$((SECONDS - start)) s, all so far $$SECONDS s)"; \
	done

check: check-rust check-python check-node check-page check-deny ## Format, lints, types and documentation

RUST_TESTS = $(shell cargo nextest --version >/dev/null 2>&1 && echo cargo nextest run || echo cargo test --lib --bins --tests)
test-rust: need-rust $(HIGHS) ## The core's tests and documentation tests
	cargo test $(LOCKED) $(ALL) --doc
	$(RUST_TESTS) $(LOCKED) $(ALL) $(ARGS)

test-python: wheel ## The wheel and its tests
	cd python && $(BIN)/python -m mypy.stubtest --mypy-config-file pyproject.toml memcore._memcore
	cd python && $(BIN)/python -m pytest $(ARGS)
	$(BIN)/python -m pytest -c python/pyproject.toml --rootdir . benches/peers $(ARGS)

test-node: addon ## The addon, the packed package and their tests
	@[ -z "$${CI:-}" ] || cmp $(CARGO_TARGET_DIR)/committed.d.cts node/native.d.cts || \
	{ echo "node/native.d.cts is not what the addon generates: run make addon and commit it" >&2; exit 1; }
	cd node && npm test --silent

test-browser: addon $(WEB_MODULES)/.stamp need-chromium ## The page in a browser; pictures stay in node/web/test-results
	cd node/web && npm run --silent build && npm test --silent -- $(ARGS)

test-examples: wheel addon ## Every example and notebook runs to its end
	$(BIN)/python -m pytest -c python/pyproject.toml --rootdir . examples $(ARGS)

# `make torture STORE SCALE=100 SECONDS=600 SEED=5000`, `make torture LINK SCALE=100`, `make torture CONTROL`. A test says where to go on when its time is up,
# and with which seed it failed. SCALE is how many times as much is done as in `make test`: 1000 kills and millions of power cuts take
# hours.
.PHONY: torture STORE LINK CONTROL
SCALE ?= 20
AREA ?= $(if $(filter LINK,$(MAKECMDGOALS)),link,$(if $(filter CONTROL,$(MAKECMDGOALS)),control,store))
TORTURED := $(if $(filter link,$(AREA)),protocol_* link_*,store_*)
TORTURE = MEMCORE_TORTURE=$(SCALE) $(if $(filter link,$(AREA)),PROPTEST_CASES=$$((256 * $(SCALE)))) \
	$(if $(SECONDS),MEMCORE_TORTURE_SECONDS=$(SECONDS)) $(if $(SEED),MEMCORE_TORTURE_SEED=$(SEED)) \
	cargo test $(LOCKED) --release -p memcore --features cli --no-fail-fast
torture: need-rust ## STORE against faults, the LINK against noise and loss, CONTROL in random trouble, for long; options: SCALE=100 SECONDS=600 SEED=1
	@case "$(AREA)" in store|link|control) ;; *) echo "AREA is $(AREA), expected store, link or control" >&2; exit 2;; esac
	@[ "$(AREA)" = control ] || $(TORTURE) $(patsubst memcore/tests/%.rs,--test %,$(wildcard $(TORTURED:%=memcore/tests/%.rs))) \
		-- $(if $(filter store,$(AREA)),--include-ignored) --nocapture --test-threads 2
	@# The walks of a command through loss, delay, restarts and expiry, and the trials of control, see the inside, so they stand beside the code.
	@[ "$(AREA)" = store ] || $(TORTURE) --lib -- --nocapture $(if $(filter control,$(AREA)),control::trial,command_model)
STORE LINK CONTROL:
	@:

##@ Parts
.PHONY: check-rust check-python check-node check-deny wheel addon page check-page format clean
check-rust: need-rust $(HIGHS)
	cargo fmt --all --check
	cargo clippy $(LOCKED) $(ALL) --all-targets -- -D warnings
	cargo clippy $(LOCKED) -p memcore --no-default-features -- -D warnings
	cargo clippy $(LOCKED) -p memcore -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc $(LOCKED) $(ALL) --no-deps

check-python: $(VENV)/.stamp $(NODE_MODULES)/.stamp
	$(BIN)/ruff check --config python/pyproject.toml python examples benches/peers
	$(BIN)/ruff format --config python/pyproject.toml --check python examples benches/peers
	cd python && $(BIN)/mypy
	cd python && $(NODE_BIN)/pyright --pythonpath $(BIN)/python

check-node: $(NODE_MODULES)/.stamp
	cd node && npm run --silent check

check-deny: need-rust
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --all-features check bans licenses sources; \
	else echo "skipped: cargo-deny is not installed; get it with: cargo install --locked cargo-deny"; fi

wheel: need-rust $(HIGHS) ## Build the Python wheel and install it into .venv
	rm -rf $(CARGO_TARGET_DIR)/wheels
	cd python && $(BIN)/maturin build $(LOCKED) --profile $(PROFILE) --target $(TARGET) --interpreter $(BIN)/python --out $(CARGO_TARGET_DIR)/wheels
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall $(CARGO_TARGET_DIR)/wheels/*.whl

addon: need-rust $(HIGHS) $(NODE_MODULES)/.stamp ## Build the Node addon (and the types it generates) and its TypeScript layer
	@mkdir -p $(CARGO_TARGET_DIR) && cp node/native.d.cts $(CARGO_TARGET_DIR)/committed.d.cts
	cd node && NAPI_PROFILE="$(if $(filter dev,$(PROFILE)),,--profile $(PROFILE))" npm run --silent build

page: $(WEB_MODULES)/.stamp ## Build the operator's page and put it into the crate
	cd node/web && npm run --silent generate && npm run --silent build && node embed.mjs

check-page: $(WEB_MODULES)/.stamp ## The page is typed, linted, and what the crate holds
	cd node/web && npm run --silent check && npm run --silent build && node embed.mjs --check

format: need-rust $(VENV)/.stamp ## Format all code
	cargo fmt --all
	$(BIN)/ruff check --config python/pyproject.toml --fix python examples benches/peers
	$(BIN)/ruff format --config python/pyproject.toml python examples benches/peers

clean: ## Remove everything that was built or installed here
	rm -rf $(VENV) $(NODE_MODULES) $(WEB_MODULES) node/dist node/*.node node/native.cjs
	cargo clean

.PHONY: need-rust need-cxx need-python need-node need-chromium
need-rust need-cxx need-python need-node need-chromium:
	@PYTHON="$(PYTHON)" .ci/need $(@:need-%=%)

# A stamp is newer than the list that was installed, so nothing is installed twice.
$(VENV)/.stamp: python/requirements-dev.txt | need-python
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r python/requirements-dev.txt
	@touch $@

$(NODE_MODULES)/.stamp: node/package-lock.json | need-node
	cd node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(WEB_MODULES)/.stamp: node/web/package-lock.json | need-node
	cd node/web && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
