# One way to do each thing. `make` alone lists them.

GO          ?= go
STATICCHECK := build/tools/staticcheck-v0.8.2

# What bench measures: hierarchy, lifetime, supervision, peers, images; empty: all.
AREA ?=

.DEFAULT_GOAL := help
.PHONY: help build demo test lint bench setup criu clean

help: ## list what make can do here
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: ## build the one static binary, build/seance
	@echo "build: build/seance"
	@CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=auto -ldflags '-s -w' -o build/seance ./cmd/seance
	@CGO_ENABLED=0 $(GO) build -trimpath -o build/examples/ ./examples/shop/web

demo: setup build ## boot, save, quit and resume the programs of examples/shop
	@scripts/demo.sh

# Tests that build seance and run it are not seen to depend on it: no result
# may come from the cache (-count=1).
test: setup lint build ## run the linters and every test, with the race detector
	@echo "test: go test -race -count=1 ./..."
	@$(GO) test -race -count=1 -timeout 10m ./...

lint: $(STATICCHECK) ## check format, vet, staticcheck and who imports whom
	@echo "lint: gofmt, vet, staticcheck, import rules"
	@scripts/lint.sh $(STATICCHECK)

bench: setup build ## measure against the references (AREA=hierarchy|lifetime|supervision|peers|images)
	@scripts/peers.sh >/dev/null
	@criu=$$(scripts/criu.sh 2>/dev/null); \
	$(GO) run ./internal/bench/cmd/bench -json build/bench.json -criu "$${criu#*: }" $(AREA)

setup: ## install what the tests and the demo need
	@scripts/setup.sh

criu: ## make sure that there is a CRIU that works here
	@scripts/criu.sh

clean: ## remove what was built
	@echo "clean: build/"
	@rm -rf build

# The version is in the file's name, so a newer one is fetched when it changes.
build/tools/staticcheck-%:
	@echo "lint: fetching staticcheck $*"
	@GOBIN=$(CURDIR)/build/tools $(GO) install honnef.co/go/tools/cmd/staticcheck@$*
	@mv build/tools/staticcheck $@
