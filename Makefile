# What people do here. Each target is one command on a fresh Debian or Ubuntu with a Rust toolchain, git and make.
# Missing system packages are installed when that is possible; else the command that would is printed.

.DEFAULT_GOAL := help
.PHONY: help run demo test test-clients proofs check bench fuzz screenshot build release install-packages

help:
	@echo 'make run         build, then open window and tray (or serve, where there is no display)'
	@echo 'make demo        the same with a pretend upstream and made-up accounts'
	@echo 'make test        every test that this machine can run; CODEX_ROUTER_TEST_ALL=1: all of them'
	@echo 'make test-clients  only those with real clients: SDKs, Codex CLI, Claude Code'
	@echo 'make proofs      kill the program before every system call, and make every call fail: no login may be lost'
	@echo 'make check       format, lints, floors, documentation'
	@echo 'make bench       measure the hot paths and the figures of the README'
	@echo 'make fuzz        every parser and translator for a minute; FUZZ_SECS=10, FUZZ_TARGETS="sse head"'
	@echo 'make screenshot  take the pictures of the README'
	@echo 'make build       debug build          make release           release build'
	@echo 'make install-packages                 every system package, tests included'

run: release
	@assets/dev/run.sh

demo: release
	@assets/dev/run.sh demo

test:
	@assets/dev/test.sh

test-clients:
	@assets/dev/test.sh --test flows clients::

proofs:
	@CODEX_ROUTER_TEST_PROOFS=1 assets/dev/test.sh --test flows proofs:: -- --nocapture --test-threads 1

# Clippy compiles the library without egui as well: nothing below the faces may need it.
check:
	@assets/dev/packages.sh build
	cargo fmt --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --no-default-features --lib --bins -- -D warnings
	cargo test --locked --test floors
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps

bench:
	@assets/dev/bench.sh

fuzz:
	@FUZZ_SECS='$(FUZZ_SECS)' FUZZ_TARGETS='$(FUZZ_TARGETS)' assets/dev/fuzz.sh

screenshot: release
	@assets/dev/screenshot.sh

build:
	@assets/dev/packages.sh build
	cargo build --locked

release:
	@assets/dev/packages.sh build
	cargo build --locked --release

install-packages:
	@assets/dev/packages.sh build run test node
