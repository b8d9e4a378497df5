# twarga: everything there is to do with it, from a fresh clone on.
#
#   make run            set up what is missing, build, start it
#   make run ARGS=…     with arguments, e.g. ARGS="--demo"
#   make test           what CI runs
#   make help           all targets
#
# The set-up is quick when there is nothing to do (a tenth of a second), so the
# targets that need it simply depend on it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# The steps of a target build on each other; cargo uses all cores by itself.
.NOTPARALLEL:

# Where the tiny guest lies; twarga looks in the same place.
export TWARGA_TINY_DIR ?= $(or $(XDG_DATA_HOME),$(HOME)/.local/share)/twarga/tiny
# Where the guest lies that only the tests on real QEMU boot.
export TWARGA_DEBIAN_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/twarga/debian
# Arguments for `make run`.
ARGS ?=
# Readable by the unprivileged user whom the session tests run as.
CARGO := umask 022; cargo
# What cargo builds into, as cargo itself decides it.
PROGRAM = $(or $(CARGO_TARGET_DIR),target)/release/twarga

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: install daemons tiny ## everything the machine needs: packages, daemons, the tiny guest

# Only what is missing; asks for a password only then.
.PHONY: install
install:
	@assets/setup/install.sh

# Does nothing where libvirt answers or systemd cares for it.
.PHONY: daemons
daemons: install
	@assets/setup/daemons.sh

.PHONY: tiny
tiny: install ## the tiny guest: a kernel and an initramfs from distribution packages
	@assets/tiny/build.sh "$$TWARGA_TINY_DIR"

.PHONY: debian
debian: install ## the tests' Debian guest: a disk image made of the distribution's packages
	@tests/harness/debian-image "$$TWARGA_DEBIAN_DIR/debian.qcow2"

.PHONY: build
build: install ## the release binary
	@$(CARGO) build --release --locked

# A tiny guest that couldn't be built is no reason not to start: twarga reads
# tiny.failed and says so where it matters.
.PHONY: run
run: install daemons ## set up, build and start twarga (ARGS=…)
	@assets/tiny/build.sh "$$TWARGA_TINY_DIR" || true
	@$(CARGO) build --release --locked
	@exec "$(PROGRAM)" $(ARGS)

# The daemons of the machine itself are not needed: the tests on a real libvirt
# bring their own. Without QEMU or libvirt they fail, they don't skip.
.PHONY: test
test: install tiny debian ## formatting, lints, all tests, and the tests on real QEMU in both modes
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- -D warnings
	$(CARGO) test --locked
	tests/harness/real-tests

# Long or heavy tests carry #[ignore]; here they run, and only they.
.PHONY: torture
torture: install tiny debian ## the long tests: those marked #[ignore], optimised, and on real QEMU
	$(CARGO) test --locked --release -- --ignored
	tests/harness/real-tests -- --ignored --test-threads=1

# The harness proven without twarga, by virsh.
.PHONY: harness
harness: install tiny ## both private libvirts with a guest each, without twarga
	tests/harness/private-libvirt -- tests/harness/selftest
	tests/harness/private-session -- tests/harness/selftest

.PHONY: bench
bench: install ## the benchmarks
	$(CARGO) bench --locked

.PHONY: clean
clean: ## removes what cargo built; the set-up and the guests stay
	cargo clean
