# nodeagent: what a person or CI does with this tree. `make` alone prints the targets.
# One release build serves the program and the tests: docs/swift.md says why.

SWIFT ?= swift
AGENT := .build/release/nodeagent
KERNELS ?= host uml vm

.DEFAULT_GOAL := help
.PHONY: help build deb run demo test test-unit test-kernel lint format bench fuzz clean

help: ## Print this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the program: .build/release/nodeagent (installs what the build needs).
	@scripts/install.sh
	@scripts/build.sh

deb: build ## Build the Debian package: .build/deb/nodeagent_VERSION_amd64.deb.
	@scripts/deb.sh

run: build ## Build and run the agent in the foreground with config/nodeagent.yaml; needs root.
	@RUNTIME_DIRECTORY=$(CURDIR)/.run exec $(AGENT) run --config config/nodeagent.yaml

demo: ## Watch it work, in under a minute once built: four escapes told, one frozen, its evidence, its release; needs root.
	@scripts/demo.sh

test: build ## Everything: unit tests, and the live acts on every kernel; needs root.
	@Tests/testbed/install.sh
	@scripts/test.sh unit $(KERNELS) $(if $(filter vm,$(KERNELS)),package)

test-unit: build ## Unit tests alone: no root, under a minute once built.
	@scripts/test.sh unit

test-kernel: build ## The live acts alone: make test-kernel KERNELS="host uml vm"; needs root.
	@Tests/testbed/install.sh
	@scripts/test.sh $(KERNELS)

lint: ## Check the format of all Swift code.
	@$(SWIFT) format lint --strict --parallel --recursive Package.swift Sources Tests Benchmarks Fuzz

format: ## Format all Swift code in place.
	@$(SWIFT) format --in-place --parallel --recursive Package.swift Sources Tests Benchmarks Fuzz

bench: build ## Measure, print, and fail beyond the limits; needs root.
	@Tests/testbed/install.sh
	@scripts/bench.sh

fuzz: ## Fuzz the parsers of hostile bytes for FUZZ_SECONDS each (default 60).
	@scripts/fuzz.sh

clean: ## Remove what was built.
	rm -rf .build .run
