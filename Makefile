# mai: make, make check, make install PREFIX= DESTDIR=
#
#   make test           the unit tests            make bench      tests/bench, measured
#   make check          and the tools' (bats)     make fuzz       tests/fuzz, FUZZ_SECONDS=600 each
#   make coverage       lines that make check     make fuzz-smoke the corpus and a little more
#                       runs, by file             make uninstall, make clean
#
# A build of another kind goes to a folder of its own:
#   make CC=clang O=build/clang
#   make DEBUG=1 O=build/debug
#   make SAN=address,undefined O=build/asan       (SAN=thread likewise)
#   make CROSS=aarch64-linux-gnu- O=build/aarch64 (its tests run under qemu)
#   make COVERAGE=1 O=build/coverage
# V=1 prints whole commands; WERROR=1 makes warnings errors; CFLAGS= and LDFLAGS= are added behind.

VERSION = 0.1.0
PREFIX = /usr/local
DESTDIR =
O = build
CC = gcc
CROSS =
DEBUG =
SAN =
FUZZER =
COVERAGE =
WERROR =
V =
CFLAGS =
LDFLAGS =
LIBS = -lopenblas -lsodium -lcrypto -lzstd -lz -lxxhash -ljansson -lpcre2-8 -lutf8proc -lpthread -lm

cc := $(CROSS)$(CC)
machine := $(shell $(cc) -dumpmachine)
export PWD := $(CURDIR)# compilers write it into the debug information; with a symbolic link in it, it would not be mapped

# -ffp-contract=off: a multiply and an add are fused only where the source says so (mai-arithmetic(7)).
# -fno-math-errno, -fno-trapping-math: sqrt is an instruction and lanes may be selected; neither changes a result.
std := -std=c17 -D_GNU_SOURCE -Icommon -DMAI_VERSION='"$(VERSION)"' \
	-ffp-contract=off -fno-math-errno -fno-trapping-math '-ffile-prefix-map=$(CURDIR)=.'
warn := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
hard := -fPIE -fstack-protector-strong
link := -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed
opt := -O2 -g

ifneq (,$(findstring x86_64,$(machine)))
hard += -fstack-clash-protection -fcf-protection
endif
ifdef DEBUG
opt := -O0 -g3
endif
# What a confined process (net/confine.h) may not: open files, start threads.
ifneq (,$(SAN)$(COVERAGE))
std += -DMAI_UNCONFINED
endif
ifdef COVERAGE
opt := -O0 -g --coverage
link += --coverage
endif
ifdef SAN
opt := -O1 -g1
opt += -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
link += -fsanitize=$(SAN)
else ifeq (,$(DEBUG)$(COVERAGE))
hard += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif
ifdef FUZZER
opt += -fsanitize=fuzzer-no-link
endif

all_cflags = $(std) $(warn) $(hard) $(opt) $(CFLAGS)

# One clear pattern: every common/*/*.c is in the library, every tools/*.c is a tool (with tools/TOOL/*.c), and every C file in tests/unit,
# tests/bench and tests/fuzz is a program. tests/cheat/TOOL.c stands in for parts of the library in a tool that is to be found out.
lib_src := $(sort $(wildcard common/*/*.c))
tool_src := $(sort $(wildcard tools/*.c))
unit_src := $(sort $(wildcard tests/unit/*.c))
bench_src := $(sort $(wildcard tests/bench/*.c))
cheat_src := $(sort $(wildcard tests/cheat/*.c))
fuzz_src := $(sort $(wildcard tests/fuzz/*.c))
bats_src := $(sort $(wildcard tests/tools/*.bats))
man_src := $(sort $(wildcard man/man[157]/*.[157]))

lib_obj := $(lib_src:%.c=$(O)/%.o)
tools := $(tool_src:tools/%.c=$(O)/%)
units := $(unit_src:%.c=$(O)/%)
benches := $(bench_src:%.c=$(O)/%)
cheats := $(cheat_src:%.c=$(O)/%)
fuzzers := $(fuzz_src:%.c=$(O)/%)
emulated := $(if $(CROSS),$(tools:$(O)/%=$(O)/emulated/%))

.PHONY: all units benches fuzzers test check bench fuzz fuzz-run fuzz-smoke coverage install uninstall clean FORCE
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

all: $(tools) $(emulated)
units: $(units)
benches: $(benches) $(cheats)
fuzzers: $(fuzzers)

# ---- what the last build was made with and from ----
#
# $(O)/flags changes with the compiler and its options, $(O)/sources with the list of files: what depends on them is made
# anew. A tool whose source is gone is removed, so that nobody runs it.
remember = $(if $(subst <$2>,,<$(file <$(O)/$1)>),$(file >$(O)/$1,$2))

ifeq (,$(filter clean uninstall,$(MAKECMDGOALS)))
$(shell mkdir -p $(O))
$(shell rm -f $(filter-out $(tools),$(filter $(O)/mai-%,$(file <$(O)/tools.list))))
$(call remember,flags,$(strip $(shell $(cc) --version | head -n 1) $(all_cflags) $(link) $(LDFLAGS) $(LIBS)))
$(call remember,sources.list,$(lib_src))
$(call remember,tools.list,$(tools))
endif

# ---- compiling and linking ----

comma := ,
space := $(subst ,, )

silent := $(findstring s,$(firstword -$(MAKEFLAGS)))
say = $(if $(V),,@$(if $(silent),,echo '  $1 $@';))
ar := $(CROSS)ar

# A kernel set is compiled for its own instructions; which one runs is decided at start (compute/cpu.h). So is the
# checksum of the stream.
ifneq (,$(findstring x86_64,$(machine)))
$(O)/common/compute/%_sse4.o: isa := -msse4.1
$(O)/common/%_avx2.o: isa := -mavx2 -mfma -mf16c
avx512 := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mfma -mf16c
$(O)/common/compute/%_avxvnni.o: isa := -mavx2 -mfma -mf16c -mavxvnni
$(O)/common/%_avx512.o: isa := $(avx512)
$(O)/common/compute/%_avx512bf16.o: isa := $(avx512) -mavx512bf16
$(O)/common/compute/%_amx.o: isa := $(avx512) -mamx-tile -mamx-int8
endif
kernels := $(O)/common/compute/kernel_%.o $(O)/common/train/ops_%.o
$(kernels): opt += $(if $(DEBUG)$(COVERAGE)$(SAN),,-O3)
# To instrument each variant that is made by inlining takes minutes; a function that looks at its arguments instead does the same.
ifdef SAN
$(kernels): opt += -Dalways_inline=unused
endif
# Fuzzers look for what bytes from outside may do. To instrument what computes takes longer than all else, and the build for
# sanitizers has it.
ifdef FUZZER
$(kernels): opt := -O1 -g1
endif

$(O)/%.o: %.c $(O)/flags Makefile
	@mkdir -p $(@D)
	$(call say,cc  )$(cc) $(all_cflags) $(if $(WERROR),-Werror) $(isa) -MMD -MP -c -o $@ $<

$(O)/libmai.a: $(lib_obj) $(O)/sources.list
	@rm -f $@
	$(call say,ar  )$(ar) rcsD $@ $(lib_obj)

# The objects of a tool.
parts = $(O)/tools/$1.o $(patsubst %.c,$(O)/%.o,$(sort $(wildcard tools/$1/*.c)))

.SECONDEXPANSION:
$(tools): $(O)/%: $$(call parts,$$*) $(O)/libmai.a
	$(call say,link)$(cc) $(link) $(LDFLAGS) -o $@ $^ $(LIBS)

$(units) $(benches): $(O)/%: $(O)/%.o $(O)/libmai.a
	$(call say,link)$(cc) $(link) $(LDFLAGS) -o $@ $^ $(LIBS) -lm

$(cheats): $(O)/tests/cheat/%: $$(call parts,$$*) $(O)/tests/cheat/%.o $(O)/libmai.a
	$(call say,link)$(cc) $(link) $(LDFLAGS) -Wl,$(subst $(space),$(comma),$(patsubst %,--wrap=%,$(sort $(shell sed -n 's/^__wrap_\([a-z_]*\).*/\1/p' tests/cheat/$*.c)))) \
		-o $@ $^ $(LIBS)

$(fuzzers): $(O)/%: $(O)/%.o $(O)/libmai.a
	$(call say,link)$(cc) $(link) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(LIBS)

# Tools of another processor, to be run as if they were this one's.
# Where all is slow tests do fewer rounds.
ifdef CROSS
export MAI_SLOW := 1
endif
emulator := $(if $(CROSS),qemu-$(firstword $(subst -, ,$(CROSS)))-static)
$(emulated): $(O)/emulated/%: $(O)/%
	@mkdir -p $(@D)
	@printf '#!/bin/sh\nexec $(emulator) "%s" "$$@"\n' '$(abspath $<)' > $@ && chmod +x $@

-include $(lib_obj:.o=.d)
-include $(patsubst %.c,$(O)/%.d,$(tool_src) $(wildcard tools/*/*.c) $(unit_src) $(bench_src) $(cheat_src) $(fuzz_src))

# ---- tests: each program's results (TAP) go to a file, scripts/tap adds them up. The longest come first, so that in the end no processor
# waits for one of them. ----

unit_names := $(unit_src:tests/unit/%.c=%)
longest_units := kernel trust_dsse trust_key ledger_record ledger_tlog ledger_settle
# Minutes of scrypt and of curves that libraries compute, and nothing that is ours for one processor: not under emulation. Kernels know of no
# threads.
skipped_units := $(if $(CROSS),trust_dsse trust_key) $(if $(findstring thread,$(SAN)),kernel)
unit_taps := $(patsubst %,$(O)/tap/unit-%.tap,$(filter-out $(skipped_units),$(longest_units) $(filter-out $(longest_units),$(unit_names))))
fuzz_taps := $(fuzz_src:tests/fuzz/%.c=$(O)/tap/fuzz-%.tap)
# BATS= names the tests of the tools to run. How mai is built is a matter of the plain build only; sanitizers have nothing to say to what other
# programs make of its results.
plain_only := build install $(if $(SAN),arch_peer demo sign_peer train_peer)
bats := $(bats_src:tests/tools/%.bats=%)
longest := send_stream build run bits_arch arch_peer arch bits lora eval send_direct train sign send manners tokenize shard merge quantize
BATS = $(filter-out $(if $(SAN)$(COVERAGE)$(CROSS),$(plain_only)),$(filter $(bats),$(longest)) $(filter-out $(longest),$(bats)))
bats_taps = $(BATS:%=$(O)/tap/tools-%.tap)
tools_here := $(abspath $(if $(CROSS),$(O)/emulated,$(O)))

# A sanitizer's report is a failure wherever it comes up, also in a process whose status nobody looks at: reports are
# written to files, and that there are none is a result of its own. 99 is no status of a tool.
ifdef SAN
reports := $(abspath $(O))/reports
san_options := exitcode=99:log_path=$(reports)/report
export ASAN_OPTIONS := $(san_options)
export UBSAN_OPTIONS := $(san_options):print_stacktrace=1
export TSAN_OPTIONS := $(san_options)
export MAI_SAN := $(SAN)
export MAI_SLOW := 1
$(unit_taps) $(bats_taps): | $(O)/reports.new
$(O)/reports.new: FORCE
	@rm -rf $(reports) && mkdir -p $(reports)
report_tap := $(O)/tap/reports.tap
endif

.PHONY: test-taps check-taps
check-taps: $(bats_taps)
test-taps check-taps: $(unit_taps)
	@$(if $(SAN),scripts/tap reports $(report_tap) $(reports))

test: test-taps
	@scripts/tap sum $(unit_taps) $(report_tap)
check: check-taps
	@scripts/tap sum $(unit_taps) $(bats_taps) $(report_tap)

$(unit_taps): $(O)/tap/unit-%.tap: $(O)/tests/unit/% all FORCE
	@scripts/tap run $@ $(emulator) $<

$(bats_src:tests/tools/%.bats=$(O)/tap/tools-%.tap): $(O)/tap/tools-%.tap: tests/tools/%.bats all benches FORCE
	@MAI_BUILD='$(tools_here)' scripts/tap run $@ bats -F tap $<

# Every executable file in tests/bench is a measurement; BENCH= names those to run.
BENCH = $(notdir $(shell find tests/bench -maxdepth 1 -type f -perm -u+x | sort))
bench: all benches
	@for b in $(BENCH); do PATH="$(abspath $(O)):$$PATH" MAI_BUILD=$(abspath $(O)) tests/bench/$$b || exit; done

# ---- fuzzing: clang's libFuzzer, in a build of its own ----
#
# What it finds worth keeping stays in $(O)/fuzz/corpus; only tests/fuzz/corpus, made by hand, is kept with the source.
FUZZ_SECONDS = 600
FUZZ_RUNS = 10000
fuzz_limit = -max_total_time=$(FUZZ_SECONDS)

fuzz fuzz-smoke:
	+@$(MAKE) --no-print-directory O=$(O)/fuzz CC=clang SAN=address,undefined FUZZER=1 $@-taps
	@scripts/tap sum $(fuzz_taps:$(O)/%=$(O)/fuzz/%)
.PHONY: fuzz-taps fuzz-smoke-taps
fuzz-smoke-taps: fuzz_limit = -runs=$(FUZZ_RUNS) -max_total_time=10 -seed=1
fuzz-taps fuzz-smoke-taps: $(fuzz_taps)

$(fuzz_taps): $(O)/tap/fuzz-%.tap: $(O)/tests/fuzz/% FORCE
	@mkdir -p $(O)/corpus/$* $(O)/found
	@scripts/tap step $@ 'fuzz $*' env ASAN_OPTIONS= UBSAN_OPTIONS=print_stacktrace=1 $< $(fuzz_limit) -timeout=25 \
		-rss_limit_mb=4096 -artifact_prefix=$(O)/found/$*- $(O)/corpus/$* $(wildcard tests/fuzz/corpus/$*)

# ---- coverage ----

coverage:
	-+@$(MAKE) --no-print-directory O=$(O)/coverage COVERAGE=1 check
	@scripts/coverage $(O)/coverage

# ---- installing ----

names := $(tool_src:tools/%.c=%)
bindir = $(DESTDIR)$(PREFIX)/bin
share = $(DESTDIR)$(PREFIX)/share
bash_to = $(share)/bash-completion/completions/$1
zsh_to = $(share)/zsh/site-functions/_$1
fish_to = $(share)/fish/vendor_completions.d/$1.fish
shells := bash zsh fish
completions := $(foreach s,$(shells),$(names:%=$(O)/completions/$s/%))

$(completions): $(O)/completions/%: $(tools) $(emulated) scripts/completions
	@mkdir -p $(@D)
	@PATH="$(tools_here):$$PATH" scripts/completions $(@D:$(O)/completions/%=%) $(@F) > $@

# $1 FILE..., $2 destination, $3 mode
put = install -D -m $3 $1 "$2" &&
install: all $(completions)
	@$(foreach t,$(names),$(call put,$(O)/$t,$(bindir)/$t,755)) \
	 $(foreach m,$(man_src),$(call put,$m,$(share)/$m,644)) \
	 $(foreach s,$(shells),$(foreach t,$(names),$(call put,$(O)/completions/$s/$t,$(call $s_to,$t),644))) \
	 $(call put,LICENSE,$(share)/doc/mai/LICENSE,644) :

uninstall:
	@rm -f $(foreach t,$(names),"$(bindir)/$t") $(foreach m,$(man_src),"$(share)/$m") \
	 $(foreach s,$(shells),$(foreach t,$(names),"$(call $s_to,$t)")) "$(share)/doc/mai/LICENSE"
	@-rmdir "$(share)/doc/mai" 2>/dev/null

clean:
	rm -rf $(O)
