# What a person types here; `make` alone lists it.

CARGO ?= cargo
CONFIG ?= config/clearway.toml
LAB ?=
BENCH ?=

.DEFAULT_GOAL := help
.PHONY: help run test check deb bench lab fuzz

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 14

run: ## start the gateway with config/clearway.toml (or CONFIG=file)
	$(CARGO) run --locked --release -- run -c $(CONFIG)

test: ## every test; installs the programs they need, or says which are missing
	@deploy/test-deps
	$(CARGO) test --locked

check: ## format, lints, documentation, and licences where cargo-deny is there
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps
	@if ! $(CARGO) deny --version >/dev/null 2>&1; then \
		echo "cargo-deny is not installed, deny.toml was not checked; get it: cargo install --locked cargo-deny"; \
	else \
		$(CARGO) deny --locked check licenses bans sources || exit 1; \
		if $(CARGO) deny --locked fetch db >/dev/null 2>&1; then $(CARGO) deny --locked check --disable-fetch advisories; \
		else echo "the advisory database cannot be reached from here, advisories were not checked"; fi; \
	fi

deb: ## target/clearway_VERSION_ARCH.deb, a package for this Debian; needs dpkg-dev
	$(CARGO) build --locked --release --bin clearway
	@deploy/debian/build

bench: ## what pieces cost, then the whole program beside other proxies (BENCH="--scene http --out DIR" for some)
	$(CARGO) bench --locked --bench judge --bench tube --bench instructions --bench lists
	$(CARGO) bench --locked --bench gateway -- $(BENCH)

lab: ## every scene with every carrier, for an hour and a half, as root (LAB="--scene steady --carrier none,clearway" for some)
	$(CARGO) test --locked --release --test lab -- run $(LAB)

fuzz: ## each fuzz target for a minute (SECONDS_EACH=n); needs nightly and cargo-fuzz
	@$(CARGO) fuzz --version >/dev/null 2>&1 || { echo "cargo-fuzz is missing; get it: cargo install --locked cargo-fuzz"; exit 1; }
	@rustup toolchain list | grep -q '^nightly' || { echo "a nightly toolchain is missing; get it: rustup toolchain install nightly"; exit 1; }
	@set -e; for target in $$($(CARGO) +nightly fuzz list --fuzz-dir tests/fuzz); do \
		echo "== $$target"; $(CARGO) +nightly fuzz run --fuzz-dir tests/fuzz "$$target" -- -max_total_time=$${SECONDS_EACH:-60}; done
