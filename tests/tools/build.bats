# The build: what is made anew and what is not, that it repeats to the byte, that it is hardened; and that the count of
# test results misses nothing.

load setup

# A small tree that builds fast: the base of the library and one tool.
small_tree() {
	mkdir -p "$1/common" "$1/tools" "$1/tests/unit"
	cp -r "$top/Makefile" "$top/scripts" "$1"
	cp -r "$top/common/base" "$1/common"
	cp "$top/tests/unit/tap.h" "$1/tests/unit"
	printf '#define PROBE_TEXT "first"\nconst char *probe_text(void);\n' >"$1/common/base/probe.h"
	printf '#include "base/probe.h"\nconst char *\nprobe_text(void)\n{\n\treturn PROBE_TEXT;\n}\n' >"$1/common/base/probe.c"
	cat >"$1/tools/mai-probe.c" <<-'END'
		#include <stdio.h>
		#include "base/probe.h"
		#ifndef FLAG
		#define FLAG "none"
		#endif
		int
		main(void)
		{
			puts(probe_text());
			puts(FLAG);
			return 0;
		}
	END
}

# What a user types, out of reach of the make that runs the tests.
m() {
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -C "$tree" "$@"
}

setup() {
	tree=$BATS_TEST_TMPDIR/tree
}

@test "a build that is up to date does nothing" {
	small_tree "$tree"
	m -j2
	m -q
}

@test "a header that changes, is renamed or goes: what includes it is made anew" {
	small_tree "$tree"
	m -j2
	sed -i s/first/second/ "$tree/common/base/probe.h"
	m
	[ "$("$tree/build/mai-probe" | head -n 1)" = second ]
	mv "$tree/common/base/probe.h" "$tree/common/base/probing.h"
	sed -i s,base/probe.h,base/probing.h, "$tree/common/base/probe.c" "$tree/tools/mai-probe.c"
	m
	[ "$("$tree/build/mai-probe" | head -n 1)" = second ]
}

@test "a source that is renamed or goes: its object leaves the library, its tool the build" {
	small_tree "$tree"
	m -j2
	mv "$tree/common/base/probe.c" "$tree/common/base/probing.c"
	sed -i s/PROBE_TEXT/\"moved\"/ "$tree/common/base/probing.c"
	cp "$tree/tools/mai-probe.c" "$tree/tools/mai-again.c"
	m
	[ "$("$tree/build/mai-probe" | head -n 1)" = moved ]
	[ "$(ar t "$tree/build/libmai.a" | grep -c prob)" = 1 ]
	[ -x "$tree/build/mai-again" ]
	rm "$tree/tools/mai-again.c"
	m
	[ ! -e "$tree/build/mai-again" ]
	[ -x "$tree/build/mai-probe" ]
	rm "$tree/common/base/probing.c"
	run m
	[ "$status" != 0 ]
	[[ $output == *probe_text* ]]
}

@test "other options: everything is made anew" {
	small_tree "$tree"
	m -j2
	m -j2 CFLAGS='-DFLAG=\"given\"'
	[ "$("$tree/build/mai-probe" | tail -n 1)" = given ]
	m -j2
	[ "$("$tree/build/mai-probe" | tail -n 1)" = none ]
}

@test "a failed compilation leaves no program and a status" {
	small_tree "$tree"
	echo 'int x = ;' >>"$tree/tools/mai-probe.c"
	run m -j2
	[ "$status" != 0 ]
	[ ! -e "$tree/build/mai-probe" ]
}

# What the build at hand was made with, but for its folder.
made_with() {
	sed "s|$2|.|g" "$1/flags"
}

@test "a build in another folder gives the same bytes" {
	local mine=${MAI_BUILD:-$top/build}
	mkdir -p "$BATS_TEST_TMPDIR/another folder/two"
	cp -r "$top/Makefile" "$top/common" "$top/tools" "$BATS_TEST_TMPDIR/another folder/two"
	# reached by a symbolic link, built elsewhere below, in another order
	ln -s "another folder" "$BATS_TEST_TMPDIR/link"
	tree=$BATS_TEST_TMPDIR/link/two
	m -n O=build/deeper >/dev/null
	[ "$(made_with "$tree/build/deeper" "$(realpath "$tree")")" = "$(made_with "$mine" "$top")" ] || skip "the build at hand has other options"
	m -j1 O=build/deeper
	any=
	for t in $(tools) libmai.a; do
		cmp "$mine/$t" "$tree/build/deeper/$t"
		any=$t
	done
	[ -n "$any" ]
}

@test "the tools are hardened: position independent, bound at start, no executable stack, stack protected" {
	for t in $(tools); do
		file=$(command -v "$t")
		readelf -hW "$file" | grep -q 'Type: *DYN' || fail "$t: not position independent"
		readelf -dW "$file" | grep -q 'FLAGS_1.*NOW.*PIE' || fail "$t: not bound at start"
		readelf -lW "$file" | grep -q GNU_RELRO || fail "$t: no RELRO"
		readelf -lW "$file" | grep -q 'GNU_STACK.* RW ' || fail "$t: executable stack"
		! readelf -lW "$file" | grep -q 'LOAD.* RWE ' || fail "$t: memory that is written and executed"
		readelf -sW --dyn-syms "$file" | grep -q __stack_chk_fail || fail "$t: no stack protector"
	done
}

@test "the debug information holds no path of this machine" {
	for t in $(tools); do
		! grep -qF "$top" "$(command -v "$t")" || fail "$t: holds $top"
	done
}

# ---- the count of results ----

tap() {
	"$top/scripts/tap" "$@"
}

@test "results are added up, failures printed" {
	cd "$BATS_TEST_TMPDIR"
	printf '%s\n' 'ok 1 - a' 'ok 2 - b # SKIP no data' 1..2 '# exit 0' >good.tap
	printf '%s\n' 1..2 'ok 1 a' 'not ok 2 b' '# in line 3' '# exit 1' >bad.tap
	run tap sum good.tap
	[ "$status" = 0 ]
	[ "$output" = "1 passed, 0 failed, 1 skipped" ]
	run tap sum good.tap bad.tap
	[ "$status" = 1 ]
	[ "$output" = $'FAILED bad: 2 b\n    in line 3\n2 passed, 1 failed, 1 skipped' ]
}

@test "a program that dies, stops early or says nothing is a failure" {
	cd "$BATS_TEST_TMPDIR"
	for script in 'echo ok 1 - a; kill -9 $$' 'echo 1..2; echo ok 1 a' 'echo ok 1 - a; echo 1..1; exit 99' 'exit 0' \
		'echo Bail out! no disk'; do
		tap run x.tap sh -c "$script" >progress
		grep -q FAIL progress
		run tap sum x.tap
		[ "$status" = 1 ]
		[[ $output == *" 1 failed" ]]
	done
	run tap sum missing.tap
	[ "$status" = 1 ]
	run tap sum
	[ "$status" = 1 ]
	[ "${lines[-1]}" = "0 passed, 1 failed" ]
}

@test "a program that hangs is ended and a failure" {
	cd "$BATS_TEST_TMPDIR"
	TAP_TIMEOUT=1 tap run x.tap sleep 100
	run tap sum x.tap
	[ "$status" = 1 ]
}

@test "a sanitizer's report is a failure, whoever made it" {
	cd "$BATS_TEST_TMPDIR"
	mkdir reports
	tap reports x.tap reports
	tap sum x.tap
	echo "heap-use-after-free" >reports/report.1
	tap reports x.tap reports
	run tap sum x.tap
	[ "$status" = 1 ]
	[[ $output == *heap-use-after-free* ]]
}
