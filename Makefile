# `make help` says what there is. Every target works from a fresh clone: it brings in what it needs.

.DEFAULT_GOAL := help
.PHONY: help setup dev demo client build gateway quick test check clean bench fuzz soak interop verify

# Everything that a command needs on PATH, installed first where it is missing.
WITH := scripts/with-tools
export V

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  V=1 shows all output. Ports of make dev: DEV_PORT (8787) and GATEWAY_PORT (8080)."
	@echo "  Arguments: make bench ARGS=\"…\""

setup: ## install what is missing (done by the other targets, too)
	@scripts/setup

dev: ## gateway, Worker and example caller on this machine, no Cloudflare account needed
	@scripts/dev

demo: ## make dev with visitors, so that the gateway's page moves
	@DEV_DEMO=1 scripts/dev

client: ## pack the TypeScript client, and print the line that installs it
	@$(WITH) scripts/client

build: ## dist/index.js and dist/index_bg.wasm, the two files that are deployed
	@$(WITH) node scripts/build.mjs

gateway: ## target/release/metrics-gateway, the gateway of this project
	@$(WITH) scripts/build-gateway

quick: ## format, lints, unit tests, types: under a minute once built
	@scripts/quick

test: ## all tests
	@scripts/test

check: ## format, lints, docs, licences, types, size
	@scripts/check

clean: ## remove what was built (installed tools stay)
	@cargo clean --quiet
	@rm -rf dist .wrangler clients/*/dist examples/*/build
	@find examples scripts -name .wrangler -type d -prune -exec rm -rf {} +

bench: ## measure the Worker and the clients; ARGS=--gateway: the gateway (see bench/)
	@$(WITH) scripts/bench $(ARGS)

fuzz: ## feed the parsers random bytes: ARGS="SECONDS [TARGET…]" (see fuzz/)
	@$(WITH) fuzz/run.sh $(ARGS)

soak: build ## random faults for long, every sample accounted for: ARGS="--minutes 10 --seed 42"
	@$(WITH) node tests/faults/soak.mjs $(ARGS)

interop: ## against clients and servers of other projects
	@$(WITH) scripts/interop $(ARGS)

verify: ## one sample through a running system
	@$(WITH) scripts/verify $(ARGS)
