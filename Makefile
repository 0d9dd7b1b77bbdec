# kuke: `make setup build` on a fresh machine, `make check` before a commit. `make` alone lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# sudo's PATH lacks the directory of the archives of go.dev.
export PATH := $(PATH):/usr/local/go/bin

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

# TESTFLAGS are flags of every go test: make test TESTFLAGS='-v -run Lab'
TESTFLAGS ?=
TIMEOUT ?= 40m
BENCH ?= .
FUZZTIME ?= 20s

# Tools are modules of their own, so that their dependencies stay out of go.mod.
CACHE := $(CURDIR)/.cache
CONTAINERD2 := $(CACHE)/containerd/bin/containerd
LINT := $(CACHE)/lint/bin/golangci-lint
REGISTRY := $(CACHE)/registry/usr/bin/docker-registry

# The packages whose tests start a lab with a containerd.
LAB_PACKAGES = $(shell grep -rl --include='*_test.go' '"github.com/kukeon/kuke/executor/lab"' --exclude-dir='.?*' . | xargs -r -n 1 dirname | sort -u)

# Installs the packages in the shell array missing.
define install
if ! has apt-get; then
  echo "setup: missing: $${missing[*]} (Debian's names): install them with this system's package manager" >&2; exit 1
fi
sudo=(); if [[ $$(id -u) != 0 ]]; then sudo=(sudo); fi
echo "setup: installing $${missing[*]}"
"$${sudo[@]}" apt-get -q update
"$${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends "$${missing[@]}"
endef

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## install missing requirements of kuke and its tests on this host (Debian, Ubuntu)
	@export PATH="$$PATH:/usr/sbin:/sbin"; missing=()
	has() { command -v "$$1" >/dev/null; }
	has containerd || missing+=(containerd)
	has runc       || missing+=(runc)
	has iptables   || missing+=(iptables)
	has nft        || missing+=(nftables)
	[[ -x /usr/lib/cni/bridge || -x /opt/cni/bin/bridge ]] || missing+=(containernetworking-plugins)
	has ssh        || missing+=(openssh-client)
	has sshd       || missing+=(openssh-server)
	{ has busybox && ! ldd "$$(command -v busybox)" >/dev/null 2>&1; } || missing+=(busybox-static)
	if [[ $${#missing[@]} = 0 ]]; then echo "setup: everything is there"; exit; fi
	$(install)

.PHONY: build
build: ## build bin/kuke
	@CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/kuke ./cmd/kuke

.PHONY: man
man: build ## write the man pages to bin/man (read one with man -M bin/man kuke-plan)
	@bin/kuke man bin/man

.PHONY: demo
demo: setup build ## see kuke at work in a throw-away host (needs root)
	@bin/kuke lab -- examples/hello/demo.sh bin/kuke

.PHONY: test
test: setup build $(CONTAINERD2) ## run all tests, those with a lab on both containerd 1.6 and 2.x (needs root)
	@export CGO_ENABLED=$${CGO_ENABLED:-0} # the tests run their own program in containers, as kuke is
	set -x; go test -count=1 -timeout $(TIMEOUT) $(TESTFLAGS) ./...
	set +x; echo "once more on $$($(CONTAINERD2) --version | cut -d ' ' -f 2-3):"
	set -x; KUKE_TEST_CONTAINERD=$(CONTAINERD2) go test -count=1 -timeout $(TIMEOUT) $(TESTFLAGS) $(LAB_PACKAGES)

# The stories run on one Debian release after the other, on the last one with its containerd and with 2.x.
STORIES ?= .
.PHONY: test-vm
test-vm: setup-vm $(CONTAINERD2) ## boot virtual machines and run all stories on them: reboots, power cuts (needs root; an hour)
	@set -x; go test -tags vm -count=1 -timeout 3h $(TESTFLAGS) -run '$(STORIES)' ./executor/lab/vm
	go test -tags vm -count=1 -timeout 3h $(TESTFLAGS) -run 'Seed|Reboot' ./executor/lab/vm -release trixie
	KUKE_TEST_CONTAINERD=$(CONTAINERD2) go test -tags vm -count=1 -timeout 3h $(TESTFLAGS) -run 'Seed|Reboot' ./executor/lab/vm -release trixie

.PHONY: test-boot
test-boot: setup-vm ## the stories of test-vm that CI runs: limits, a reboot
	@set -x; go test -tags vm -count=1 -timeout 40m $(TESTFLAGS) -run 'Seed|Reboot' ./executor/lab/vm

.PHONY: test-real
test-real: setup-real $(REGISTRY) ## run real services, WordPress among them, from a private registry (needs root)
	@set -x; PATH="$(dir $(REGISTRY)):$$PATH" go test -tags real -count=1 -timeout 40m $(TESTFLAGS) -run Real ./cmd/kuke

.PHONY: setup-real
setup-real: setup
	@export PATH="$$PATH:/usr/sbin:/sbin"; missing=()
	has() { command -v "$$1" >/dev/null; }
	has mmdebstrap || missing+=(mmdebstrap)
	has openssl    || missing+=(openssl)
	if [[ $${#missing[@]} = 0 ]]; then exit; fi
	$(install)

.PHONY: setup-vm
setup-vm: setup
	@export PATH="$$PATH:/usr/sbin:/sbin"; missing=()
	has() { command -v "$$1" >/dev/null; }
	has qemu-system-x86_64 || missing+=(qemu-system-x86)
	has qemu-img           || missing+=(qemu-utils)
	has mmdebstrap         || missing+=(mmdebstrap)
	has mke2fs             || missing+=(e2fsprogs)
	if [[ $${#missing[@]} = 0 ]]; then exit; fi
	$(install)

.PHONY: lint
lint: $(LINT) ## report mistakes, forbidden imports and forbidden words
	@unformatted=$$(gofmt -l . | xargs)
	if [[ -n $$unformatted ]]; then echo "not formatted: $$unformatted: run gofmt -w ." >&2; exit 1; fi
	set -x
	go vet -tags vm,real ./... ./.ci/words
	go test ./.ci/words
	go run ./.ci/words
	$(LINT) run ./...

.PHONY: check
check: lint test ## lint and test: run it before a commit

.PHONY: bench
bench: setup $(CONTAINERD2) ## run the benchmarks (needs root)
	go test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 60m ./...

.PHONY: fuzz
fuzz: ## fuzz every parser for FUZZTIME
	@grep -rn --include='*_test.go' --exclude-dir='.?*' -o '^func Fuzz[A-Za-z0-9_]*' . | while IFS=: read -r file _ func; do
	  echo "$${func#func } in $$(dirname "$$file")"
	  go test -run '^$$' -fuzz "^$${func#func }\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")"
	done

.PHONY: clean
clean: ## remove everything that was built
	rm -rf bin .cache

# Built once, and again when the pinned version changes. The build tags leave out half of containerd, which kuke does not use.
$(CONTAINERD2): .ci/containerd/go.mod .ci/containerd/go.sum
	@echo "building containerd 2.x for the tests, once: about two minutes"
	cd .ci/containerd && CGO_ENABLED=0 go build -trimpath -tags no_cri,no_btrfs,no_devmapper,no_zfs -ldflags \
	  "-X github.com/containerd/containerd/v2/version.Version=$$(go list -m -f '{{.Version}}' github.com/containerd/containerd/v2)" \
	  -o '$(@D)/' tool
	touch $@

$(LINT): .ci/lint/go.mod .ci/lint/go.sum
	@echo "building golangci-lint, once: some minutes"
	cd .ci/lint && CGO_ENABLED=0 go build -trimpath -o '$(@D)/' tool
	touch $@

# Debian's registry, unpacked and not installed: the package would start a service.
$(REGISTRY):
	mkdir -p '$(CACHE)/registry'
	cd '$(CACHE)/registry'
	apt-get -qq download docker-registry
	dpkg -x docker-registry_*.deb .
	touch $@

.ONESHELL:
