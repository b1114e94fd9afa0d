# `make help` says what there is. Every target works from a fresh clone: it brings in what it needs.

.DEFAULT_GOAL := help
.PHONY: help setup dev build gateway test check clean bench fuzz soak interop demo verify

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  Ports of make dev: DEV_PORT (8787) and GATEWAY_PORT (8080). Arguments: make bench ARGS=\"…\""

setup: ## install what is missing (done by the other targets, too)
	@scripts/setup

dev: ## gateway, Worker and example caller on this machine, no account needed
	@scripts/dev

build: ## dist/index.js and dist/index_bg.wasm, the two files that are deployed
	@scripts/build

gateway: ## target/release/metrics-gateway, the reference gateway
	@scripts/setup
	@scripts/build-gateway

test: ## all tests
	@scripts/test

check: ## format, lints, docs, licences, types, size
	@scripts/check

clean: ## remove what was built (installed tools stay)
	@scripts/clean

bench: ## measure (see bench/)
	@scripts/extra $@ $(ARGS)

fuzz: ## feed the parsers what nobody expects (see fuzz/)
	@scripts/extra $@ $(ARGS)

soak: ## run for long under faults, and check that every sample is accounted for
	@scripts/extra $@ $(ARGS)

interop: ## against clients and servers of other projects
	@scripts/extra $@ $(ARGS)

demo: ## make dev with visitors, so that the gateway's page moves
	@scripts/extra $@ $(ARGS)

verify: ## one sample through a running system
	@scripts/extra $@ $(ARGS)
