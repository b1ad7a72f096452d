# SPDX-License-Identifier: GPL-2.0
#
# appex: build, check, test. `make help` lists the targets.
#
#   make                     builds appex.ko for the running kernel
#   make KDIR=/path          ... for another kernel's headers or build tree
#   make OUT=/path           ... with the results outside the source tree
#   make LLVM=1              ... with clang and lld, whatever the kernel was built with

SHELL := /bin/bash
KDIR ?= /lib/modules/$(shell uname -r)/build
ABS := $(realpath $(dir $(lastword $(MAKEFILE_LIST))))

kbuild-args := -C $(KDIR) M=$(ABS) $(if $(OUT),MO=$(abspath $(OUT)))
# config NAME: the value of an option of the kernel.
config = $(shell sed -n 's/^CONFIG_$(1)=//p' $(KDIR)/.config 2>/dev/null)
# User-mode Linux: named by its configuration; its module loader knows neither
# position-independent Rust code nor the small code model.
ifneq ($(call config,UML),)
kbuild-args += ARCH=um KRUSTFLAGS="-Ccode-model=large -Crelocation-model=static"
endif
ifneq ($(call config,CC_IS_CLANG),)
kbuild-args += LLVM=1
else ifneq ($(LLVM),)
# LLVM=1 for a kernel that gcc has built. Its configuration asks for what only gcc knows, and Debian's headers set CC to
# gcc whatever LLVM says. What clang's own configuration of the same kernel has instead: flags here, for the sources in
# scripts/clang. No structure depends on it.
clang := $(filter %/,$(LLVM))clang$(filter -%,$(LLVM))
kbuild-args += CC=$(clang) NOSTDINC_FLAGS="-nostdinc -I$(ABS)/scripts/clang" CONFIG_CC_IS_GCC= CONFIG_CC_IS_CLANG=y CONFIG_GCC_VERSION=0 \
	CONFIG_CLANG_VERSION=$(shell $(clang) -dumpversion | awk -F. '{ print $$1 * 10000 + $$2 * 100 + $$3 }') \
	CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT= CONFIG_CC_IMPLICIT_FALLTHROUGH=-Wimplicit-fallthrough
# -fsanitize=bounds-strict.
ifneq ($(call config,UBSAN_BOUNDS_STRICT),)
kbuild-args += CONFIG_UBSAN_BOUNDS_STRICT= CONFIG_UBSAN_ARRAY_BOUNDS=y
endif
# -mrecord-mcount: objtool does it instead. It leaves the calls, as gcc does, because this kernel's ftrace looks for them.
ifneq ($(call config,FTRACE_MCOUNT_USE_CC),)
kbuild-args += CONFIG_FTRACE_MCOUNT_USE_CC= CONFIG_FTRACE_MCOUNT_USE_OBJTOOL=y CONFIG_HAVE_OBJTOOL_NOP_MCOUNT=
endif
endif
# Another architecture than this machine's: with Debian's cross compilers.
ifneq ($(call config,ARM64),)
ifneq ($(shell uname -m),aarch64)
kbuild-args += ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-
endif
endif
kbuild-args += $(if $(RUSTC),RUSTC=$(RUSTC)) $(if $(CLIPPY),CLIPPY=1) $(if $(APPEX_WERROR),APPEX_WERROR=1) \
	$(if $(APPEX_SELFTEST),APPEX_SELFTEST=y)

.PHONY: all modules clean help available install uninstall check lab test test-unit demo bench bench-quick bench-inbound bench-cost deb test-install test-kernels fuzz stress stress-debug miri

all: modules

modules: available
	+$(if $(OUT),@mkdir -p $(OUT))
	+$(MAKE) $(kbuild-args) modules

available:
	@scripts/rust-available.sh --quiet "$(KDIR)"

clean:
	+$(if $(wildcard $(KDIR)/Makefile),$(MAKE) $(kbuild-args) clean,@echo "make clean: nothing done: there are no kernel headers in $(KDIR); name others with KDIR=/path")

install:
	scripts/install-local.sh $(or $(OUT),$(ABS))/appex.ko

uninstall:
	scripts/install-local.sh --uninstall

# Style and architecture; needs shellcheck and Debian 13's rustfmt: others format
# differently.
check:
	scripts/check-style.sh
	scripts/check-layers.sh

lab:
	tests/lab/setup all

test-unit:
	cd tests/host && cargo test --quiet

test:
	tests/run

deb:
	tests/install/make-deb

# Long, and not part of `make test`.
test-install:
	tests/install/run

test-kernels:
	tests/kernels/run

fuzz:
	tests/fuzz/run

stress:
	tests/run stress

stress-debug:
	tests/run debug

# Needs rustup's nightly toolchain with Miri.
miri:
	cd tests/host && MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test --lib

demo:
	tests/demo/demo

bench:
	tests/bench/bench

bench-quick:
	tests/bench/bench --quick

bench-inbound:
	tests/bench/inbound

bench-cost:
	tests/cost/cost

help:
	@sed -n 's/^# \?//;/^ *make/p' $(firstword $(MAKEFILE_LIST))
	@echo '  make check               formatting, lints, layering; with Debian 13'\''s tools:'
	@echo '                           tests/lab/enter make check'
	@echo '  make test-unit           unit tests of the pure code, on the host'
	@echo '  make lab                 sets up the test laboratory'
	@echo '  make test                all tests'
	@echo '  make deb                 the Debian packages'
	@echo '  make test-install        install, boot, upgrade the kernel, purge: on a clean Debian with'
	@echo '                           systemd in a virtual machine; about 20 minutes'
	@echo '  make fuzz                fuzzes the pure code by coverage, ten minutes (SECONDS_EACH=);'
	@echo '  make miri                the unit tests under Miri; needs a nightly toolchain that has it'
	@echo '  make stress              hostile packets and peers, races and unloads on four processors, fuzzing;'
	@echo '                           half an hour, with LONG=1 hours'
	@echo '  make stress-debug        races, unloads and crowds on kernels for data races and locks, which it'
	@echo '                           builds; hours'
	@echo '  make test-kernels        builds and boots every kernel with Rust in Debian'\''s archive;'
	@echo '                           KERNELS= chooses, ALL=1 adds older ones; hours'
	@echo '  make demo                before/after in a virtual machine'
	@echo '  make bench               tables and plots against other congestion controls, in'
	@echo '                           Documentation/benchmarks; SEEDS=, ROWS=, JOBS=, PEERS='
	@echo '  make bench-quick         a table of a few paths, in a few minutes'
	@echo '  make bench-inbound       a table of inbound transfers, with and without; SEEDS='
	@echo '  make bench-cost          instructions per segment, memory per flow; RUNS=, FLOWS=, RATE='
	@echo '  make install, uninstall  the module and lotServer.sh on this machine'
