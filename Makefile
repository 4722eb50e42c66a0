# routewhy: build, test, measure. `make test` needs only Go. The tests that talk to
# the running kernel also need iproute2. If it is missing, they skip and say so.

GO      ?= go
GOTEST  ?= $(GO) test
FUZZTIME ?= 30s
PREFIX  ?= /usr/local
KERNEL_6_12 = --short
LINT     = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
LDFLAGS  = -s -w

.PHONY: build test test-386 test-s390x kernel-test race fuzz bench lint install clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o routewhy ./cmd/routewhy

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

clean:
	rm -f routewhy
