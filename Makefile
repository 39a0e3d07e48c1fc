# `make help` lists what there is. `make run` needs Go, Python 3 and make; the rest gets what it needs into .tools.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO ?= go
PYTHON ?= python3
# Processor of the functions on AWS: arm64 or x86_64, as template.yaml's parameter Architecture.
ARCH ?= arm64
# What is deployed: a section of samconfig.toml.
ENV ?= dev
# Runs of the simulations, of recordings, of the shop and of how updates come. SEED=n replays one, FROM=n starts there.
SEEDS ?= 2000
SHOP_SEEDS ?= 10000
FAILOVER_SEEDS ?= 500

# Seconds for each fuzz target, minutes for the soak.
FUZZ_SECONDS ?= 20
SOAK_MINUTES ?= 30
# Flags for `make run`, `make dev` and `make smoke`, such as RUN="-telegram-port 9000".
RUN ?=
DEV ?=
SMOKE ?=
# Flags for `make bench`, such as BENCH="-starts=false -download 200 -downloads 1" for a quick look at download alone.
BENCH ?=

GOLANGCI_VERSION := v2.15.0
TOOLS := $(CURDIR)/.tools
GOARCH_OF_arm64 := arm64
GOARCH_OF_x86_64 := amd64
TAGS := lambda.norpc,stdjson
FUNCTION_FLAGS := -trimpath -ldflags '-s -w' -tags $(TAGS)

# The same for all of Go: linters, tests, functions and programs share what is compiled. The linters vet.
export CGO_ENABLED := 0
export GOFLAGS := -tags=$(TAGS) -vet=off

# What tests and lints may take memory for processor time: to tidy it up more seldom saves a third of the linters' work.
lint unit conformance sim mutants: export GOGC := 300
lint unit conformance sim mutants: export GOMEMLIMIT := 4GiB

# The race detector needs a C compiler. It leaves out arithmetic, which shares nothing and would be two minutes slower: the
# key exchanges of MTProto, the archives of the functions. What is generated is large and runs little: not optimized.
CC_FOUND := $(shell command -v "$${CC:-cc}" 2>/dev/null || command -v gcc 2>/dev/null || command -v clang 2>/dev/null)
ifneq ($(CC_FOUND),)
RACE := -race \
	-gcflags=math/big=-race=false -gcflags=github.com/gotd/td/internal/crypto=-race=false -gcflags=compress/flate=-race=false \
	'-gcflags=github.com/gotd/td/tg=-N -l' '-gcflags=github.com/aws/aws-sdk-go-v2/service/...=-N -l'
RACING := CGO_ENABLED=1
else
RACE :=
RACING :=
endif

# Packages with tests; the slowest first, so that others are tested beside them; they wait, so one package more at once
# than there are cores.
UNITS = ./shared/mtproto ./localstack/stack $(shell $(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' \
	./shared/... ./functions/... ./infra/... ./localstack/... ./tests/media/...)
UNITS_AT_ONCE ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))

##@ Use

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-zA-Z_-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## Run the local cloud: template, functions, Telegram and speech, on loopback (Ctrl-C stops it)
	@$(GO) build -o .build/programs/ ./localstack/cmd/stack
	@exec .build/programs/stack run $(RUN)

.PHONY: dev
dev: ## Run a bot of Telegram's own on the local cloud, without a webhook: make dev TOKEN=… OWNER=your-user-id
	@$(GO) build -o .build/programs/ ./localstack/cmd/stack
	@LAPAK_BOT_TOKEN="$${TOKEN:-$${LAPAK_BOT_TOKEN:-}}" OWNER="$${OWNER:-}" exec .build/programs/stack dev $(DEV)

.PHONY: smoke
smoke: ## Send a voice message through a local cloud of its own and check the transcript
	@$(GO) build -o .build/programs/ ./localstack/cmd/stack
	@exec .build/programs/stack smoke $(SMOKE)

.PHONY: reset
reset: ## Forget what `make run` has kept
	@$(GO) run ./localstack/cmd/stack reset

##@ Test

# What waits and what computes go side by side: the deployed cloud waits for half of its time, and comes first.
.PHONY: test
test: lint unit ## Everything that must pass before a change is merged
	@$(MAKE) --no-print-directory -j2 conformance python
	@$(MAKE) --no-print-directory coverage
	@$(MAKE) --no-print-directory -j2 deployed simulations

.PHONY: deployed simulations
deployed:
	@$(MAKE) --no-print-directory -j1 stack browser contract
simulations:
	@nice -n 19 $(MAKE) --no-print-directory -j1 sim mutants

.PHONY: unit
unit: tools race-notice ## Unit tests, with the race detector
	@mkdir -p coverage
	LAPAK_FFMPEG="$$(ls $(TOOLS)/speech/lib/python3*/site-packages/imageio_ffmpeg/binaries/ffmpeg-*)" \
		$(RACING) $(GO) test $(RACE) -p $(UNITS_AT_ONCE) -cover -coverprofile=coverage/unit.out $(UNITS)

.PHONY: python
python: tools ## Unit tests of what is written in Python: the local speech recognition, mends of the emulator
	$(TOOLS)/speech/bin/python -m unittest discover -s localstack/speech
	$(TOOLS)/emulator/bin/python -m unittest discover -s localstack/emulator

.PHONY: conformance
conformance: tools race-notice ## Each port's promises, held by its memory adapter and by the emulator
	@mkdir -p coverage
	$(RACING) $(GO) test $(RACE) -count=1 -coverpkg=./shared/... -coverprofile=coverage/conformance.out ./tests/conformance/...

.PHONY: sim
sim: ## Simulations of the whole system with faults (SEEDS=2000 and SHOP_SEEDS=10000 runs, or SEED=n to replay one)
	@SEEDS=$(SEEDS) $(GO) test -count=1 -timeout 20m -v ./tests/simulation | sed '/^ *=== /d; /^ *--- PASS: .*\/[0-9]*/d'
	@FAILOVER_SEEDS=$(FAILOVER_SEEDS) $(GO) test -count=1 -timeout 20m -v ./tests/simulation/failover | sed '/^ *=== /d; /^ *--- PASS: .*\/[0-9]*/d'
	@SHOP_SEEDS=$(SHOP_SEEDS) $(GO) test -count=1 -timeout 20m -v ./tests/simulation/shop | sed '/^ *=== /d; /^ *--- PASS: .*\/[0-9]*/d'
	@$(GO) test -count=1 -timeout 20m -v ./tests/simulation/broadcast | sed '/^ *=== /d; / level=/d; / WARN /d; / INFO /d'

.PHONY: mutants
mutants: ## Take guards of orders and money out of the code, one by one: the simulation must find each
	MUTANTS=1 $(GO) test -count=1 -timeout 20m -run '^TestMutations$$' ./tests/simulation/shop

.PHONY: stack
stack: ## Tests on the deployed local cloud, functions killed on the way
	$(GO) test -short -count=1 -timeout 15m ./tests/stack/...

.PHONY: long
long: ## What is slow on the deployed local cloud: a rush of buyers and a broadcast with kills, a lecture of an hour, a video of a gigabyte, a noisy store (90 min)
	$(GO) test -count=1 -timeout 120m -v -run '^(TestLong|TestRush$$)' ./tests/stack/... ./tests/load/...

.PHONY: browser
browser: ## Tests through the chat page, in Chromium
	$(GO) test -count=1 -timeout 10m ./tests/browser/...

.PHONY: contract
contract: ## The simulators against what they stand in for
	$(GO) test -count=1 -timeout 10m ./tests/contract/...

# Unit tests count for the package that they stand in, the suites of the ports for everything: one more compilation of
# every test, for what tests of one package cover of another, would take as long as all of them.
.PHONY: cover
cover: unit conformance coverage ## Coverage of shared/ by these two, which must reach 85 %

.PHONY: coverage
coverage:
	@{ head -1 coverage/unit.out; grep -h /shared/ coverage/unit.out coverage/conformance.out; } > coverage/shared.out
	@$(GO) tool cover -func=coverage/shared.out | awk '/^total:/ {printf "coverage of shared/: %s\n", $$3; if ($$3 + 0 < 85) {print "less than 85 %"; exit 1}}'

.PHONY: fuzz
fuzz: ## Fuzz every parser for a while (FUZZ_SECONDS=20 each)
	@grep -rlE '^func Fuzz' --include='*_test.go' . | while read -r file; do \
		grep -oE '^func Fuzz[A-Za-z0-9_]+' "$$file" | cut -c6- | while read -r target; do \
			echo "$$(dirname "$$file") $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZ_SECONDS)s "$$(dirname "$$file")"; \
		done; \
	done

.PHONY: bench
bench: ## Cold start and warm time of webhook; memory and throughput of download (BENCH="-download 200")
	$(GO) run ./tests/bench $(BENCH)

.PHONY: soak
soak: ## A million steps of the shop with faults, then voice messages without end, for leaks and drift (SOAK_MINUTES=30)
	SHOP_SEEDS=500 SHOP_STEPS=2000 FROM=1000000 $(GO) test -count=1 -timeout 60m -run '^TestShop$$' -v ./tests/simulation/shop \
		| sed '/^ *=== /d; /^ *--- PASS: .*\/[0-9]*/d'
	@$(GO) build -o .build/programs/ ./localstack/cmd/stack
	@exec .build/programs/stack smoke -for $(SOAK_MINUTES)m

.PHONY: tools
tools:
	@$(GO) build -o .build/programs/ ./localstack/cmd/stack
	@.build/programs/stack tools

.PHONY: race-notice
race-notice:
	@if [ -z "$(RACE)" ]; then echo "No C compiler at hand: running without the race detector."; fi

##@ Check

.PHONY: lint
lint: $(TOOLS)/bin/golangci-lint ## golangci-lint with everything on; exceptions and their reasons are in .golangci.yml
	$(TOOLS)/bin/golangci-lint run ./...

.PHONY: tidy
tidy: $(TOOLS)/bin/golangci-lint ## Format the code and tidy go.mod
	$(TOOLS)/bin/golangci-lint fmt ./...
	$(GO) mod tidy

.PHONY: validate
validate: $(TOOLS)/sam/made-from ## Check the templates: cfn-lint, sam validate, checkov
	$(TOOLS)/sam/bin/cfn-lint --regions ap-southeast-3 --template template.yaml infra/alarms.yaml infra/alarms/*.yaml infra/dashboard.yaml
	AWS_DEFAULT_REGION=ap-southeast-3 SAM_CLI_TELEMETRY=0 $(TOOLS)/sam/bin/sam validate --lint
	LOG_LEVEL=ERROR $(TOOLS)/sam/bin/checkov --file template.yaml infra/alarms.yaml infra/alarms/*.yaml infra/dashboard.yaml --config-file infra/checkov.yaml --skip-download --compact --quiet

$(TOOLS)/bin/golangci-lint:
	GOBIN=$(TOOLS)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

# aws-sam-cli and the emulator want other versions of the same packages, hence an environment of its own. Every package
# is pinned, so pip need not look for dependencies (and pips before 24 trip over those with extras); it checks them.
$(TOOLS)/sam/made-from: infra/sam-requirements.txt
	rm -rf $(TOOLS)/sam
	$(PYTHON) -m venv $(TOOLS)/sam
	$(TOOLS)/sam/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement $<
	$(TOOLS)/sam/bin/python -m pip --disable-pip-version-check check
	touch $@

##@ Deploy

.PHONY: build
build: ## Build all functions for AWS into .build/aws (ARCH=arm64)
	@mkdir -p .build/aws/$(ARCH)
	GOOS=linux GOARCH=$(GOARCH_OF_$(ARCH)) $(GO) build $(FUNCTION_FLAGS) -o .build/aws/$(ARCH)/ ./functions/...

# What `sam build` calls for each function (BuildMethod: makefile): build-WebhookFunction and so on.
build-%Function:
	GOOS=linux GOARCH=$(GOARCH_OF_$(ARCH)) $(GO) build $(FUNCTION_FLAGS) \
		-o $(ARTIFACTS_DIR)/bootstrap ./functions/$$(echo $* | tr '[:upper:]' '[:lower:]')

.PHONY: layer
layer: ## Make the ffmpeg layer (ARCH=arm64)
	infra/ffmpeg/build $(ARCH)

.PHONY: deploy
deploy: $(TOOLS)/sam/made-from build layer ## Deploy to AWS (ENV=dev, staging or prod of samconfig.toml)
	SAM_CLI_TELEMETRY=0 $(TOOLS)/sam/bin/sam build --config-env $(ENV)
	SAM_CLI_TELEMETRY=0 $(TOOLS)/sam/bin/sam deploy --config-env $(ENV) \
		$(if $(filter x86_64,$(ARCH)),--parameter-overrides Architecture=x86_64)
