# mai: make, make check, make bench, make fuzz, make install PREFIX= DESTDIR=, make clean
#
#   make CC=clang O=build/clang             another compiler, in a folder of its own
#   make DEBUG=1 O=build/debug              -O0 -g3
#   make SAN=address,undefined O=build/asan
#   make CROSS=aarch64-linux-gnu- O=build/aarch64
#   make COVERAGE=1 O=build/coverage

VERSION = 0.1.0
PREFIX = /usr/local
O = build
CC = gcc
CROSS =
DEBUG =
SAN =
COVERAGE =

cc := $(CROSS)$(CC)
machine := $(shell $(cc) -dumpmachine)

# -ffp-contract=off: a multiply and an add are fused only where the source says so (mai-arithmetic(7)).
# -fno-math-errno, -fno-trapping-math: sqrt is an instruction and lanes may be selected; neither changes a result.
std := -std=c17 -D_GNU_SOURCE -Icommon -DMAI_VERSION='"$(VERSION)"' \
	-ffp-contract=off -fno-math-errno -fno-trapping-math -ffile-prefix-map=$(CURDIR)/=
warn := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
hard := -fPIE -fstack-protector-strong
link := -pie -Wl,-z,relro,-z,now,-z,noexecstack

ifdef DEBUG
opt := -O0 -g3
else
opt := -O2 -g
ifndef SAN
hard += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif
endif
ifdef SAN
opt += -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
link += -fsanitize=$(SAN)
endif
ifdef COVERAGE
opt := -O0 -g --coverage
link += --coverage
endif

CFLAGS =
LDFLAGS =
all_cflags = $(std) $(warn) $(hard) $(opt) $(CFLAGS)
LIBS = -lsodium -lzstd -lxxhash -ljansson -lpcre2-8 -lpthread

# One clear pattern: every common/*/*.c is in the library, every tools/*.c is a binary,
# every tests/unit/*.c is a test of one folder.
lib_src := $(sort $(wildcard common/*/*.c))
tool_src := $(sort $(wildcard tools/*.c))
unit_src := $(sort $(wildcard tests/unit/*.c))
bench_src := $(sort $(wildcard tests/bench/*.c))
lib_obj := $(lib_src:%.c=$(O)/%.o)
tools := $(tool_src:tools/%.c=$(O)/%)
units := $(unit_src:%.c=$(O)/%)
benches := $(bench_src:%.c=$(O)/%)
man_src := $(sort $(wildcard man/man?/*.[157]))

.PHONY: all check test bench fuzz coverage install clean units benches FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(tools)
units: $(units)
benches: $(benches)

# Each kernel set is compiled for its own instructions; which one runs is decided at start (compute/cpu.h).
ifneq (,$(findstring x86_64,$(machine)))
$(O)/common/compute/kernel_sse4.o: isa := -msse4.1
$(O)/common/compute/kernel_avx2.o: isa := -mavx2 -mfma -mf16c
$(O)/common/compute/kernel_avx512.o: isa := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mavx512bf16 -mfma -mf16c
endif
$(O)/common/compute/kernel_%.o: opt += $(if $(DEBUG)$(COVERAGE),,-O3)

$(O)/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(cc) $(all_cflags) $(isa) -MMD -MP -c -o $@ $<

$(O)/libmai.a: $(lib_obj)
	@rm -f $@
	$(cross_ar) rcsD $@ $^
cross_ar := $(CROSS)ar

$(tools): $(O)/%: $(O)/tools/%.o $(O)/libmai.a
	$(cc) $(link) $(LDFLAGS) -o $@ $^ $(LIBS)

$(units) $(benches): $(O)/%: $(O)/%.o $(O)/libmai.a
	$(cc) $(link) $(LDFLAGS) -o $@ $^ $(LIBS)

# Rebuild all when the compiler or a flag changes.
$(O)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(cc) $(all_cflags) $(link) $(LDFLAGS) $(LIBS))' | cmp -s - $@ || \
	 echo '$(subst ','\'',$(cc) $(all_cflags) $(link) $(LDFLAGS) $(LIBS))' > $@

clean:
	rm -rf $(O)

-include $(lib_obj:.o=.d) $(tool_src:%.c=$(O)/%.d) $(unit_src:%.c=$(O)/%.d) $(bench_src:%.c=$(O)/%.d)
