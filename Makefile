# SPDX-License-Identifier: GPL-2.0-or-later
#
# make            build/sockwhy
# make setup      install the Debian packages that are missing (root, when any is)
# make demo       ten real connections, eight of them broken, explained live (root)
# make check      what to run before a commit: builds what it needs, no root, minutes
# make test       every test that this machine can run, what CI runs; also one suite: test-unit test-replay
#                 test-cli test-check test-agree test-fuzz test-bpf test-lab test-live test-faults
# make test-all   that, and then test-package: minutes, and a mirror of Debian
# make fuzz       a long hunt: MINUTES=10 for each fuzzer
# make faults     plays every fault and healthy load beside a live agent, writes docs/accuracy.md (root)
# make healthy    a million connections, lookups, handshakes that are in order beside a live agent (root)
# make matrix     other kernels, emulated: the demo, kernel side and live tests in each, writes docs/kernels.md (root, a mirror of Debian)
# make agree      beside tshark and tcptrace: what each says of the same captures
# make bench      what the agent costs (root)
# make static     build/static/sockwhy, which needs no library of the host
# make tarball    that, with man pages, completions, unit and licences, and its checksum
# make deb        a Debian package in build/deb, and its source
# make arm64      compile the BPF object for arm64
# make install    below PREFIX (/usr/local): program, man pages, completions; DESTDIR=FOLDER puts that in front
# make uninstall  removes those again
# make docs       what pages say of findings and options, from the program's tables
# make clang      what clang says of all C: the fuzzers' objects, the rest compiled for the warnings alone
# make tidy       what clang-tidy says of user/, of what changed since it was asked last (tests/check asks, too)
#
# V=1 shows commands, CI=true turns warnings into errors.

VERSION := 0.1.0

BUILD := build
PREFIX ?= /usr/local
# where the program looks for its configuration
SYSCONFDIR := /etc
DESTDIR ?=

CC := gcc
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
CLANG_FORMAT ?= clang-format
CLANG_TIDY ?= clang-tidy

ARCH := $(patsubst aarch64,arm64,$(shell uname -m))
# what libbpf's bpf_tracing.h calls the architectures of vmlinux/
BPF_TARGET_x86_64 := x86
BPF_TARGET_arm64 := arm64

# The rows of the tables name what they have and leave out the rest, which the language makes zero.
WARNINGS := -Wall -Wextra -Wno-missing-field-initializers
ifeq ($(CI),true)
WARNINGS += -Werror
endif

CPPFLAGS := -D_GNU_SOURCE -DSOCKWHY_VERSION='"$(VERSION)"' -Iinclude -Iuser -I$(BUILD) -isystem /usr/include/libnl3
CFLAGS ?= -O2 -g -fstack-protector-strong
override CFLAGS += -std=gnu11 $(WARNINGS)
LDLIBS := -lbpf -lelf -lz -lzstd -lpcap -lnl-3 -lseccomp -lncursesw -ltinfo

BPF_CFLAGS := -O2 -g -target bpf $(WARNINGS) -Iinclude
TIDY_BOUND := -Xclang -analyzer-config -Xclang max-nodes=20000
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

ifeq ($(V),1)
Q :=
msg =
else
Q := @
msg = @printf '  %-8s %s%s\n' "$(1)" "$(2)" "$(if $(3), $(3))"
MAKEFLAGS += --no-print-directory
endif

# Sources by where they stand: adding a file is adding a file. A stage may have rooms.
files_of = $(sort $(shell find $(1) -name '$(2)'))
BPF_SRC := $(sort $(wildcard bpf/*.bpf.c))
USER_SRC := $(call files_of,user,*.c)
# The part of user/ that needs no kernel and no skeleton, for the tests.
LIB_SRC := $(filter-out user/attach/% user/agent/main.c,$(USER_SRC))
UNIT_SRC := $(sort $(wildcard tests/unit/*_test.c))
# what unit tests share: every other file of their folder, linked with each of them
UNIT_SHARED_SRC := $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c))
# Records from text: linked with every unit test, and a program of its own (with main.c).
ASSEMBLE_SRC := $(sort $(wildcard tests/replay/assemble*.c))
UNIT_SHARED_SRC += $(ASSEMBLE_SRC)
FUZZ_SRC := $(sort $(wildcard tests/fuzz/*_fuzz.c))
# What no fuzzer links clang only looks at, for its warnings: the linker says where one needs it.
FUZZED_AGENT := user/agent/options/% user/agent/output/keylog.c user/agent/output/metrics_request.c
UNFUZZED := $(filter-out $(FUZZED_AGENT),$(filter user/agent/%,$(LIB_SRC))) user/collect/facts/% user/collect/host/% \
	user/collect/ring.c user/sinks/compare/% user/sinks/flows/% user/sinks/packets/p% user/sinks/top/%
FUZZ_LIB_SRC := $(filter-out $(UNFUZZED),$(LIB_SRC))
BPF_TEST_SRC := $(sort $(wildcard tests/bpf/*_test.c))
TOOL_SRC := $(sort $(wildcard tests/replay/*.c))
# Mere applications for live and bench: one file, one program, build/tests/FOLDER/NAME.
APP_SRC := $(sort $(wildcard tests/live/*.c tests/bench/*.c))
ALL_C := $(sort $(USER_SRC) $(UNIT_SRC) $(UNIT_SHARED_SRC) $(FUZZ_SRC) $(BPF_TEST_SRC) $(TOOL_SRC) $(APP_SRC) $(wildcard packaging/*.c))
ALL_H := $(wildcard include/*.h bpf/*.h tests/*/*.h) $(call files_of,user,*.h)

BPF_OBJ := $(BPF_SRC:bpf/%.bpf.c=$(BUILD)/bpf/$(ARCH)/%.bpf.o)
USER_OBJ := $(USER_SRC:%.c=$(BUILD)/obj/%.o)
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
SAN_OBJ := $(LIB_SRC:%.c=$(BUILD)/san/%.o)
FUZZ_OBJ := $(FUZZ_LIB_SRC:%.c=$(BUILD)/fuzz/%.o)
UNIT_TESTS := $(UNIT_SRC:%.c=$(BUILD)/san/%)
FUZZERS := $(FUZZ_SRC:%.c=$(BUILD)/fuzz/%)
BPF_TESTS := $(BPF_TEST_SRC:%.c=$(BUILD)/%)
TOOLS := $(BUILD)/tests/assemble
APPS := $(APP_SRC:%.c=$(BUILD)/%)
CLANG_OK := $(patsubst %.c,$(BUILD)/clang/%.ok,$(filter-out $(FUZZ_LIB_SRC) $(FUZZ_SRC),$(ALL_C)))
TIDY_OK := $(USER_SRC:%.c=$(BUILD)/tidy/%.ok)

SKEL := $(BUILD)/sockwhy.skel.h

.PHONY: all
all: $(BUILD)/sockwhy

.DELETE_ON_ERROR:
.SUFFIXES:
# keep the objects behind test programs: make would take them for intermediate files
.SECONDARY:

# The kernel side: one object a file, linked into one, one skeleton.

define bpf_rules
$(BUILD)/bpf/$(1)/%.bpf.o: bpf/%.bpf.c
	$$(call msg,BPF,$$@)
	@mkdir -p $$(@D)
	$(Q)$$(CLANG) $$(BPF_CFLAGS) -D__TARGET_ARCH_$(BPF_TARGET_$(1)) -isystem vmlinux/$(1) -MMD -MP -c $$< -o $$@

# the definitions of the maps first: libbpf 1.1 does not find them behind another file's .bss
$(BUILD)/bpf/$(1)/sockwhy.o: $(BUILD)/bpf/$(1)/maps.bpf.o $(BPF_SRC:bpf/%.bpf.c=$(BUILD)/bpf/$(1)/%.bpf.o)
	$$(call msg,BPFLINK,$$@)
	@[ -n "$$^" ] || { echo "bpf/ holds no .bpf.c file" >&2; exit 1; }
	$(Q)$$(BPFTOOL) gen object $$@ $$^
endef
$(eval $(call bpf_rules,x86_64))
$(eval $(call bpf_rules,arm64))

$(BUILD)/sockwhy.bpf.o: $(BUILD)/bpf/$(ARCH)/sockwhy.o
	$(Q)cp $< $@

$(SKEL): $(BUILD)/sockwhy.bpf.o
	$(call msg,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name sockwhy > $@

.PHONY: arm64
arm64: $(BUILD)/bpf/arm64/sockwhy.o

# The user side.

$(BUILD)/obj/%.o: %.c
	$(call msg,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# a sanitizer's report shows lines alone: -g costs a fifth of the time more
$(BUILD)/san/%.o: %.c
	$(call msg,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -O1 -g1 -std=gnu11 $(WARNINGS) $(UNIT_WARNINGS) $(SANITIZE) -MMD -MP -c $< -o $@

$(BUILD)/fuzz/%.o: %.c
	$(call msg,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) -O1 -g -std=gnu11 $(WARNINGS) -fsanitize=fuzzer-no-link,address,undefined \
		-fno-sanitize-recover=all -MMD -MP -c $< -o $@

$(BUILD)/clang/%.ok: %.c
	$(call msg,CLANG,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) -std=gnu11 $(WARNINGS) -fsyntax-only -MMD -MP -MF $(@:.ok=.d) -MT $@ $<
	@touch $@

# behind the object: that one knows which headers a file includes
$(BUILD)/tidy/%.ok: %.c $(BUILD)/obj/%.o .clang-tidy
	$(call msg,TIDY,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG_TIDY) --quiet $< -- $(CPPFLAGS) -std=gnu11 $(TIDY_BOUND) 2>$@.err || { cat $@.err >&2; false; }
	@touch $@

# only attach/ and what is tested with it see the skeleton; it must be there before their first build
SKEL_USERS := $(patsubst %.c,%.o,$(filter user/attach/%,$(USER_SRC)) user/agent/main.c $(BPF_TEST_SRC))
$(addprefix $(BUILD)/obj/,$(SKEL_USERS)): | $(SKEL)
$(patsubst %.o,$(BUILD)/clang/%.ok,$(SKEL_USERS)): | $(SKEL)

# Write a fresh archive: ar would keep the objects of files that are gone.
define archive
	$(call msg,AR,$@)
	@rm -f $@
	$(Q)ar rcs $@ $^
endef

$(BUILD)/libsockwhy.a: $(LIB_OBJ)
	$(archive)
$(BUILD)/san/libsockwhy.a: $(SAN_OBJ)
	$(archive)
$(BUILD)/fuzz/libsockwhy.a: $(FUZZ_OBJ)
	$(archive)

$(BUILD)/sockwhy: $(USER_OBJ)
	$(call msg,LINK,$@)
	@[ -n "$(filter %/agent/main.o,$^)" ] || { echo "user/agent/main.c is missing" >&2; exit 1; }
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

# Fully static. glibc's name service would need the host's libraries at run time: nothing here may
# use it, and packaging/static_libpcap.c keeps libpcap from doing so.
STATIC_OBJ := $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard packaging/static_*.c)))
.PHONY: static
static: $(BUILD)/static/sockwhy
$(BUILD)/static/sockwhy: $(USER_OBJ) $(STATIC_OBJ)
	$(call msg,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -static $(LDFLAGS) $^ $(LDLIBS) -o $@

.PHONY: clang
clang: $(FUZZ_OBJ) $(FUZZ_SRC:%.c=$(BUILD)/fuzz/%.o) $(CLANG_OK)

# Tests. tests/run.sh runs suites and adds up what their runners say.

# A test that is written but not registered must not build.
$(BUILD)/san/tests/unit/%.o: UNIT_WARNINGS := -Werror=unused-function
# no_resolver.o by name: only libpcap.so calls it, and for that no member leaves an archive
$(UNIT_TESTS): $(BUILD)/san/tests/unit/%: $(BUILD)/san/tests/unit/%.o $(UNIT_SHARED_SRC:%.c=$(BUILD)/san/%.o) \
		$(BUILD)/san/user/util/no_resolver.o $(BUILD)/san/libsockwhy.a
	$(call msg,LINK,$@)
	$(Q)$(CC) $(SANITIZE) $^ $(LDLIBS) -lcmocka -o $@

$(FUZZERS): $(BUILD)/fuzz/tests/fuzz/%: $(BUILD)/fuzz/tests/fuzz/%.o $(BUILD)/fuzz/libsockwhy.a
	$(call msg,LINK,$@)
	$(Q)$(CLANG) -fsanitize=fuzzer,address,undefined $^ $(LDLIBS) -o $@

$(BPF_TESTS): $(BUILD)/tests/bpf/%: $(BUILD)/obj/tests/bpf/%.o $(filter-out $(BUILD)/obj/user/agent/main.o,$(USER_OBJ))
	$(call msg,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $^ $(LDLIBS) -lcmocka -o $@

$(TOOLS): $(TOOL_SRC:%.c=$(BUILD)/obj/%.o) $(BUILD)/libsockwhy.a
	$(call msg,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $^ $(LDLIBS) -o $@

$(APPS): $(BUILD)/%: $(BUILD)/obj/%.o
	$(call msg,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -pthread $^ -o $@

# it measures the library
$(BUILD)/tests/bench/held: $(BUILD)/libsockwhy.a

# what takes long is built on every CPU, unless the caller said how many
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

ENDLESS := $(BUILD)/tests/bench/endless
LIVE_APPS := $(filter $(BUILD)/tests/live/%,$(APPS))

# what the suites that need root run; then all that the others do, and what compilers alone say
.PHONY: root-build tests-build
root-build: all static $(BPF_TESTS) $(LIVE_APPS)
tests-build: all arm64 clang $(UNIT_TESTS) $(FUZZERS) $(TOOLS) $(APPS)

.PHONY: setup check test fuzz
setup:
	$(Q)sh packaging/setup.sh

# From nothing in under four minutes on two CPUs.
check:
	$(Q)$(MAKE) $(JOBS) all $(UNIT_TESTS) $(TOOLS) $(ENDLESS)
	$(Q)tests/run.sh unit replay check + cli

# "make test" is the whole of it on a fresh machine, so the packages come first, in a make of their
# own: this one has already looked for the tools. What needs root mostly waits: the rest is built and run meanwhile.
test:
	$(Q)$(MAKE) setup
	$(Q)$(MAKE) $(JOBS) root-build
	$(Q)TIDY=all tests/run.sh tests-build unit replay check fuzz cli agree + bpf live faults + lab

MINUTES ?= 10
fuzz: $(FUZZERS)
	$(Q)FUZZ_RUNS=-1 FUZZ_SECONDS=$$(($(MINUTES) * 60)) tests/run.sh fuzz

# One suite, with what it needs.
.PHONY: test-unit test-replay test-cli test-check test-agree test-fuzz test-bpf test-lab test-live test-faults
test-unit: $(UNIT_TESTS)
test-replay: all $(TOOLS) $(BUILD)/san/tests/unit/replay_test
test-cli: all $(TOOLS) $(ENDLESS)
test-check test-agree test-lab: all
test-fuzz: $(FUZZERS)
test-bpf: all $(BPF_TESTS)
test-live: all static $(LIVE_APPS)
test-faults: all $(LIVE_APPS)
test-unit test-replay test-cli test-check test-agree test-fuzz test-bpf test-lab test-live test-faults:
	$(Q)tests/run.sh $(@:test-%=%)

# The Debian package, installed and booted in user spaces of other suites, which build/roots keeps (root).
.PHONY: test-package test-all
test-package: all $(TOOLS)
	$(Q)sh packaging/setup.sh package
	$(Q)$(MAKE) tarball
	$(Q)$(MAKE) deb DPKG_FLAGS=-b
	$(Q)tests/run.sh package
test-all:
	$(Q)$(MAKE) test
	$(Q)$(MAKE) test-package

.PHONY: demo bench agree faults healthy matrix
# every scenario of tests/faults, and docs/accuracy.md; ONLY='dns-* refused': these, the page keeps the rest (root)
faults:
	$(Q)sh packaging/setup.sh faults
	$(Q)$(MAKE) all $(LIVE_APPS)
	$(Q)/usr/bin/python3 -B tests/faults/faults.py $(ONLY)
# a million of what is in order, in the same page; ONLY='tls-*': these (root)
healthy:
	$(Q)sh packaging/setup.sh faults
	$(Q)$(MAKE) all $(LIVE_APPS)
	$(Q)/usr/bin/python3 -B tests/faults/healthy.py $(ONLY)
# ONLY='5.10 newest': these, and the page stays
matrix:
	$(Q)sh packaging/setup.sh matrix
	$(Q)$(MAKE) $(JOBS) root-build
	$(Q)/usr/bin/python3 -B tests/vm/matrix.py $(ONLY)
agree: all
	$(Q)/usr/bin/python3 -B tests/agree/agree.py
demo:
	$(Q)sh packaging/setup.sh demo
	$(Q)$(MAKE) $(JOBS) all
	$(Q)tests/demo/demo.sh $(BUILD)/sockwhy

bench:
	$(Q)sh packaging/setup.sh bench
	$(Q)$(MAKE) all $(filter $(BUILD)/tests/bench/%,$(APPS))
	$(Q)tests/bench/bench.sh

# what pages say of findings, thresholds and options: tests/check says when they are stale
.PHONY: docs
docs: all
	$(Q)/usr/bin/python3 -B packaging/docs.py $(BUILD)/sockwhy

# What is installed: a file here = its place. Where a shell looks below /usr/local, and where below /usr, are two places.
ZSH_FUNCTIONS := share/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)
PROGRAM := $(BUILD)/sockwhy
INSTALLED := \
	$(PROGRAM)=$(PREFIX)/sbin/sockwhy \
	man/sockwhy.8=$(PREFIX)/share/man/man8/sockwhy.8 \
	man/sockwhy.conf.5=$(PREFIX)/share/man/man5/sockwhy.conf.5 \
	man/sockwhy-findings.7=$(PREFIX)/share/man/man7/sockwhy-findings.7 \
	packaging/completions/sockwhy.bash=$(PREFIX)/share/bash-completion/completions/sockwhy \
	packaging/completions/_sockwhy=$(PREFIX)/$(ZSH_FUNCTIONS)/_sockwhy \
	packaging/completions/sockwhy.fish=$(PREFIX)/share/fish/vendor_completions.d/sockwhy.fish \
	packaging/sockwhy.catalog=$(PREFIX)/lib/systemd/catalog/sockwhy.catalog \
	schema/sockwhy.schema.json=$(PREFIX)/share/sockwhy/sockwhy.schema.json \
	LICENSES/GPL-2.0.txt=$(PREFIX)/share/doc/sockwhy/GPL-2.0.txt \
	CHANGES.md=$(PREFIX)/share/doc/sockwhy/CHANGES.md
# what its owner changes: installed where it is not there yet, removed where it is unchanged
CONFIGURATION := packaging/sockwhy.conf=$(SYSCONFDIR)/sockwhy/sockwhy.conf
# made from FILE.in, with the folder of the program in it
UNIT := $(PREFIX)/lib/systemd/system/sockwhy.service
from = $(firstword $(subst =, ,$(1)))
place = $(DESTDIR)$(lastword $(subst =, ,$(1)))

.PHONY: install uninstall clean format tidy
install: all
	$(Q)$(foreach file,$(INSTALLED),install -D -m $(if $(filter %/sbin/sockwhy,$(file)),755,644) $(call from,$(file)) \
		$(call place,$(file)) &&) true
	$(Q)install -d $(DESTDIR)$(dir $(UNIT))
	$(Q)sed 's#@SBINDIR@#$(PREFIX)/sbin#' packaging/sockwhy.service.in > $(DESTDIR)$(UNIT)
	$(Q)chmod 644 $(DESTDIR)$(UNIT)
	$(Q)$(foreach file,$(CONFIGURATION),[ -e $(call place,$(file)) ] || install -D -m 644 $(call from,$(file)) $(call place,$(file));)

# changed files, and folders that hold something else, are left
uninstall:
	$(Q)rm -f $(foreach file,$(INSTALLED),$(call place,$(file))) $(DESTDIR)$(UNIT)
	$(Q)$(foreach file,$(CONFIGURATION),! cmp -s $(call from,$(file)) $(call place,$(file)) || rm -f $(call place,$(file));)
	$(Q)for folder in $(PREFIX)/share/sockwhy $(PREFIX)/share/doc/sockwhy $(SYSCONFDIR)/sockwhy; do \
		[ ! -d $(DESTDIR)$$folder ] || rmdir --ignore-fail-on-non-empty $(DESTDIR)$$folder; done

# The static program with all that make install has, to be unpacked in / of any host of this architecture.
TARBALL := sockwhy-$(VERSION)-linux-$(shell uname -m)
.PHONY: tarball
tarball: all static
	$(Q)rm -rf $(BUILD)/static/root
	$(Q)$(MAKE) -o all install PROGRAM=$(BUILD)/static/sockwhy DESTDIR=$(BUILD)/static/root PREFIX=/usr/local
	$(Q)strip $(BUILD)/static/root/usr/local/sbin/sockwhy
	$(Q)SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null) packaging/tarball.sh $(BUILD)/static/root $(TARBALL)

# A source package of what git tracks, and what is built from it, in build/deb; DPKG_FLAGS=-b: without the source's.
.PHONY: deb
deb:
	$(Q)packaging/deb.sh $(BUILD)/deb $(VERSION) $(DPKG_FLAGS)

format:
	$(Q)$(CLANG_FORMAT) -i $(ALL_C) $(ALL_H) $(BPF_SRC)

tidy: $(TIDY_OK)

clean:
	$(Q)rm -rf $(BUILD)

-include $(shell find $(BUILD) -path $(BUILD)/deb -prune -o -type f -name '*.d' -print 2>/dev/null)
