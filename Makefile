# The targets of distribution's Makefile, for people who know it. Each one runs an npm script; CONTRIBUTING.md names them.
.DEFAULT_GOAL := all

ROOT := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
WHALE = +
COMMANDS = registry digest registry-api-descriptor-template
BINARIES = $(addprefix bin/,$(COMMANDS))

# Starts bin/registry; the other two are scripts. $(1) is what runs with the arguments of the caller.
launcher = '\#!/bin/sh\nLAYOVER_INVOKED_AS="$$0" exec %s "$$@"\n' "$(1)"
quoted = '$(subst ','\'',$(1))'

.PHONY: all build binaries $(BINARIES) clean test test-full integration conformance validate lint image help
.PHONY: start-cloud-storage stop-cloud-storage reset-cloud-storage test-cloud-storage
.PHONY: start-s3-storage stop-s3-storage reset-s3-storage test-s3-storage run-s3-tests

##@ Build

all: binaries ## build everything (the default)

build: | node_modules ## compile src into dist
	@echo "$(WHALE) $@"
	@npm run --silent build

binaries: build $(BINARIES) ## build bin/registry, bin/digest and bin/registry-api-descriptor-template
	@echo "$(WHALE) $@"

bin/registry: RUNS = node --max-semi-space-size=4 --no-parallel-scavenge $(call quoted,$(ROOT)dist/main.js)
bin/digest: RUNS = $(call quoted,$(ROOT)node_modules/.bin/tsx) $(call quoted,$(ROOT)scripts/digest.ts)
bin/registry-api-descriptor-template: RUNS = $(call quoted,$(ROOT)node_modules/.bin/tsx) $(call quoted,$(ROOT)scripts/api-template/main.ts)

$(BINARIES): build
	@echo "$(WHALE) $@"
	@mkdir -p bin
	@printf $(call launcher,$(RUNS)) > $@
	@chmod +x $@

# Installed once; after a change of package-lock.json run npm ci.
node_modules:
	npm ci

image: ## build the container image IMAGE_NAME=<name>
	docker build -t $(or $(IMAGE_NAME),layover:latest) .

clean: ## remove bin and dist
	@echo "$(WHALE) $@"
	@rm -rf bin dist

##@ Test

test: | node_modules ## run the tests
	@echo "$(WHALE) $@"
	@npm test

test-full: | node_modules ## run every suite and every check, as CI does
	@.ci/run

integration: | node_modules ## run real container clients against a built registry
	@npm run test:clients

conformance: | node_modules ## run the OCI conformance suites
	@npm run test:conformance

##@ Local S3 store

start-cloud-storage start-s3-storage: | node_modules ## start a local S3 store, by compose or without docker
	@npm run --silent cloud-storage -- start

stop-cloud-storage stop-s3-storage: | node_modules ## stop it and keep its content
	@npm run --silent cloud-storage -- stop

reset-cloud-storage reset-s3-storage: | node_modules ## remove its content and start it
	@npm run --silent cloud-storage -- reset

test-cloud-storage test-s3-storage run-s3-tests: | node_modules ## run the tests of the S3 driver, on separate servers
	@npm run test:s3

##@ Validate

validate: | node_modules ## check format, lint, types, unused code and the lock file
	@echo "$(WHALE) $@"
	@npm run --silent verify

lint: | node_modules ## run the linter
	@npm run --silent lint

help: ## print this list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^[a-z0-9 -]+:.*## / { printf "  %-60s %s\n", $$1, $$2 } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) }' $(MAKEFILE_LIST)
