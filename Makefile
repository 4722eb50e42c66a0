# routewhy: build, test, measure. `make test` needs only Go. The tests that talk to
# the running kernel also need iproute2. If it is missing, they skip and say so.

GO      ?= go
GOTEST  ?= $(GO) test
FUZZTIME ?= 30s
PREFIX  ?= /usr/local
KERNEL_6_12 = --short
LINT     = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
NFPM     = github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0
LDFLAGS  = -s -w

# What dist builds for, and for which of them deb and rpm make a package.
DIST     = linux-amd64 linux-arm64 linux-armv7 linux-riscv64 linux-s390x darwin-amd64 darwin-arm64 windows-amd64
PACKAGES ?= amd64

# The version is the tag of the commit, or its day and number, and times are the commit's.
# Where files differ from the commit's, it ends in +changed.
VERSION ?= $(shell { git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null | sed 's/^v//' | grep . || \
	TZ=UTC git log -1 --abbrev=12 --date=format-local:%Y%m%d --format='0.0.0~git%cd.%h' 2>/dev/null || echo 0.0.0; \
	git status --porcelain -uno 2>/dev/null | sed -n '1s/.*/+changed/p'; } | tr -d '\n')
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
export SOURCE_DATE_EPOCH

# The version is given here and not by Go, so that --version says it without git too, and the
# bytes do not depend on which tags a clone has.
COMPILE  = $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS) -X main.version=$(VERSION)'

.PHONY: build test test-386 test-s390x kernel-test race fuzz bench lint install dist deb rpm clean

build:
	CGO_ENABLED=0 $(COMPILE) -o routewhy ./cmd/routewhy

test:
	$(GOTEST) ./...

# The same as a 32-bit program. A 64-bit kernel does not tell such a program about
# IPsec, and the screens of the scripts would show that.
test-386:
	GOARCH=386 CGO_ENABLED=0 $(GOTEST) -skip '^TestPolicies$$|^TestScripts$$' ./...

# The tests that do not talk to a kernel, on a big-endian machine. qemu-s390x emulates
# only user space, and does not translate all of netlink. Without a PATH, the tests that
# set up namespaces find no iproute2 and are skipped, and the imports cannot be listed.
# TestWhole and TestSavedDevices read what a little-endian machine saved. TestBombs
# unpacks a gigabyte. ROUTEWHY_FEWER makes some tests smaller.
test-s390x:
	ROUTEWHY_FEWER=1 GOARCH=s390x CGO_ENABLED=0 $(GOTEST) -exec "env CI= PATH=/nowhere $$(command -v qemu-s390x)" -skip '^TestImports$$|^TestWhole$$|^TestSavedDevices$$|^TestBombs$$' \
		./lookup/... ./route ./route/iproute2 ./route/load ./route/redact ./cmd/routewhy/internal/text

# The tests that talk to a kernel, again under two kernels of Debian 12 (6.1 and 6.12).
# These have VRFs, dummy, VLAN and WireGuard devices, and MPLS. They run in an emulated
# machine: qemu and the kernels' packages are installed for that. 6.12 is asked less:
# KERNEL_6_12= asks it all.
kernel-test:
	.ci/kernel-test
	SECOND_KERNEL_PACKAGE=linux-image-6.12-amd64 \
		SECOND_KERNEL_DIR=$${XDG_CACHE_HOME:-$$HOME/.cache}/second-kernel-6.12 .ci/kernel-test $(KERNEL_6_12)

# The packages that have goroutines, under the race detector, and a test of one FIB that
# several goroutines ask.
race:
	$(GOTEST) -race ./route/kernel ./lookup/coverage
	GORACE=atexit_sleep_ms=0 $(GOTEST) -race ./cmd/routewhy -args -roundtrips=5
	$(GOTEST) -race -run '^TestConcurrent$$' ./lookup

# Every fuzz target of every package, one after the other, each for FUZZTIME.
fuzz:
	@for pkg in $$($(GO) list ./...); do \
		for target in $$($(GOTEST) -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "== $$pkg $$target"; \
			$(GOTEST) -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

# Go's benchmarks, and whole processes compared with ip(8), which needs root.
# ROUTEWHY_PREFIXES may name a file of prefixes (gzip, one on each line).
bench: build
	$(GOTEST) -run '^$$' -bench . -benchmem ./...
	$(GO) run ./route/routetest/bench -routewhy ./routewhy

lint:
	$(GO) vet ./...
	$(GO) run $(LINT) run ./...

install: build
	install -D -m 755 routewhy $(DESTDIR)$(PREFIX)/bin/routewhy
	install -d $(DESTDIR)$(PREFIX)/share/man/man8
	./routewhy --man >$(DESTDIR)$(PREFIX)/share/man/man8/routewhy.8
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@BINDIR@|$(PREFIX)/bin|' cmd/routewhy/routewhy-record.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/routewhy-record.service

# Static programs in dist/, and what sha256sum says about them. The same commit gives the same
# bytes, wherever it is built.
dist: $(DIST:%=dist/routewhy-%)
	cd dist && sha256sum routewhy-* >SHA256SUMS

.PHONY: $(DIST:%=dist/routewhy-%)
$(DIST:%=dist/routewhy-%):
	CGO_ENABLED=0 GOOS=$(word 2,$(subst -, ,$@)) GOARCH=$(patsubst armv7,arm,$(word 3,$(subst -, ,$@))) GOARM=7 \
		$(COMPILE) -o $@ ./cmd/routewhy

# Packages in dist/, with the manual, the completions and the recorder's unit. They need nothing.
deb: $(PACKAGES:%=deb-%)
rpm: $(PACKAGES:%=rpm-%)

.PHONY: $(PACKAGES:%=deb-%) $(PACKAGES:%=rpm-%)
$(PACKAGES:%=deb-%) $(PACKAGES:%=rpm-%): build
	$(MAKE) dist/routewhy-linux-$(word 2,$(subst -, ,$@))
	rm -rf dist/$@ && mkdir -p dist/$@
	cp dist/routewhy-linux-$(word 2,$(subst -, ,$@)) dist/$@/routewhy
	./routewhy --man | gzip -9n >dist/$@/routewhy.8.gz
	./routewhy --completion bash >dist/$@/routewhy.bash
	./routewhy --completion zsh >dist/$@/_routewhy
	./routewhy --completion fish >dist/$@/routewhy.fish
	sed 's|@BINDIR@|/usr/bin|' cmd/routewhy/routewhy-record.service >dist/$@/routewhy-record.service
	cp README.md CHANGELOG.md dist/$@
	touch -d @$(SOURCE_DATE_EPOCH) dist/$@/*
	STAGE=dist/$@ PACKAGE_VERSION='$(VERSION)' PACKAGE_ARCH=$(patsubst armv7,arm7,$(word 2,$(subst -, ,$@))) \
		$(GO) run $(NFPM) package --config cmd/routewhy/package/nfpm.yaml --packager $(word 1,$(subst -, ,$@)) --target dist/
	rm -rf dist/$@

clean:
	rm -rf routewhy dist
