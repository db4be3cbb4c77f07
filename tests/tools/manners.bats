# What a user may expect of every tool. Tools are found by pattern; the commands they are tried with are the examples of
# the man pages that end in a tool and write to stdout.

load setup
load examples

setup_file() {
	load setup
	load examples
	export TRIED=$BATS_FILE_TMPDIR
	[ -e "$M" ] || return 0
	for page in "$top"/man/man*/*.[157]; do
		dir=$TRIED/$(basename "$page")
		example_folder "$dir"
		run_examples "$page" "$dir" >"$dir.run" 2>&1 || continue # man.bats tells of it
		n=0
		while IFS= read -r command; do
			tried_with "$command" || continue
			n=$((n + 1))
			printf '%s\n' "$command" >"$dir/home/$n.command"
			(in_folder "$dir" "$command" >"$dir/home/$n.stdout" 2>"$dir/home/$n.stderr" </dev/null) || :
		done < <(examples "$page")
	done
}

# A command that ends in a tool, goes nowhere but to stdout and says the same each time.
tried_with() {
	local bare
	bare=$(sed "s/'[^']*'//g; s/\"[^\"]*\"//g" <<<"$1")
	[[ ! $bare =~ [\>\&\;\<\(] && ${bare##*|} =~ ^\ *mai- && $bare != *--bench* ]]
}

# each_tried FUNCTION: calls it with the folder, the command and the file with what the command prints (not empty)
each_tried() {
	local file any=
	need_shared models/stories260K.gguf
	for file in "$TRIED"/*/home/*.command; do
		[ -s "${file%.command}.stdout" ] || continue
		any=yes
		"$1" "${file%/home/*}" "$(cat "$file")" "${file%.command}.stdout"
	done
	[ -n "$any" ] || fail "no page has an example that prints anything"
}

one_line() {
	[ "$(wc -l <"$1")" = 1 ] || fail "$2: not one line on stderr:" "$(cat "$1")"
}

err() {
	echo "$BATS_TEST_TMPDIR/stderr"
}

# each_call FUNCTION: calls it with each tool, and with each tool and verb
each_call() {
	local t v
	for t in $(tools); do
		"$1" "$t"
		for v in $(verbs "$t"); do
			"$1" "$t" "$v"
		done
	done
}

@test "-h and --help print the same text on stdout, status 0" {
	helps() {
		run --separate-stderr "$@" --help
		[ "$status" = 0 ] && [ -z "$stderr" ] && [[ $output == "usage: $* "* ]] || fail "$* --help: status $status" "$output" "$stderr"
		long=$output
		run --separate-stderr "$@" -h
		[ "$status" = 0 ] && [ -z "$stderr" ] && [ "$output" = "$long" ] || fail "$* -h: status $status, or another text"
	}
	each_call helps
}

@test "--version prints name and version" {
	version=$(sed -n 's/^VERSION = //p' "$top/Makefile")
	for t in $(tools); do
		run --separate-stderr "$t" --version
		[ "$status" = 0 ] && [ "$output" = "$t $version" ] && [ -z "$stderr" ] || fail "$t --version: $output"
	done
}

@test "an unknown option: status 2, one line on stderr, nothing on stdout" {
	refuses() {
		for o in --no-such-option -@; do
			run --separate-stderr "$@" "$o"
			[ "$status" = 2 ] && [ -z "$output" ] && [ "${#stderr_lines[@]}" = 1 ] && [[ $stderr == "$1: "*"$o"* ]] ||
				fail "$* $o: status $status" "$output" "$stderr"
		done
	}
	each_call refuses
}

@test "an unknown verb: status 2, one line on stderr, nothing on stdout" {
	for t in $(tools); do
		[ -n "$(verbs "$t")" ] || continue
		run --separate-stderr "$t" no-such-verb
		[ "$status" = 2 ] && [ -z "$output" ] && [ "${#stderr_lines[@]}" = 1 ] || fail "$t: status $status" "$stderr"
	done
}

@test "--help and --version to a full disk or a closed stdout: status 3, one line" {
	fails() {
		for o in --help --version; do
			run bash -c 'exec "$@" >/dev/full' - "$@" $o
			[ "$status" = 3 ] && [ "${#lines[@]}" = 1 ] || fail "$* $o >/dev/full: status $status" "$output"
			run bash -c 'exec "$@" >&-' - "$@" $o
			[ "$status" = 3 ] && [ "${#lines[@]}" = 1 ] || fail "$* $o >&-: status $status" "$output"
		done
	}
	for t in $(tools); do fails "$t"; done
}

@test "a full disk: status 3, one line on stderr" {
	full() {
		run in_folder "$1" "exec >/dev/full; $2 2>$(err)"
		[ "$status" = 3 ] || fail "$2 >/dev/full: status $status" "$(cat "$(err)")"
		one_line "$(err)" "$2 >/dev/full"
	}
	each_tried full
}

@test "a closed stdout: status 3, one line on stderr" {
	closed() {
		run in_folder "$1" "exec 2>$(err) >&-; $2"
		[ "$status" = 3 ] || fail "$2 >&-: status $status" "$(cat "$(err)")"
		one_line "$(err)" "$2 >&-"
	}
	each_tried closed
}

@test "a reader that has gone: death by SIGPIPE, silently" {
	# A pipe whose only reader is closed before the command starts.
	gone() {
		rm -f "$BATS_TEST_TMPDIR/pipe"
		mkfifo "$BATS_TEST_TMPDIR/pipe"
		run in_folder "$1" "exec 2>$(err) 4<>$BATS_TEST_TMPDIR/pipe >$BATS_TEST_TMPDIR/pipe 4<&-; $2"
		[ "$status" = 141 ] && [ ! -s "$(err)" ] || fail "$2 | (gone): status $status" "$(cat "$(err)")"
	}
	each_tried gone
}

@test "what is said on stderr does not come on stdout" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	for t in $(tools); do
		printf '#!/bin/sh\nexec %s "$@" -vv\n' "$(command -v "$t")" >"$BATS_TEST_TMPDIR/bin/$t"
	done
	chmod +x "$BATS_TEST_TMPDIR"/bin/*
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
	says() {
		(in_folder "$1" "$2" 2>/dev/null) | cmp - "$3" || fail "$2: another output with -vv"
	}
	each_tried says
}

@test "the locale changes nothing" {
	export LOCPATH=$BATS_TEST_TMPDIR
	localedef --no-archive -i de_DE -f UTF-8 "$LOCPATH/de_DE.UTF-8" || skip "no sources of locales here"
	[ "$(LC_ALL=de_DE.UTF-8 locale decimal_point)" = , ]
	german() {
		export LC_ALL=de_DE.UTF-8
		(in_folder "$1" "$2" 2>/dev/null) | cmp - "$3" || fail "$2: another output in German"
	}
	each_tried german
}

# (A sanitizer brings a setlocale of its own: what counts is one that is called from outside.)
@test "no tool asks for the locale" {
	[ -z "${MAI_SAN:-}" ] || skip "sanitizers do"
	for t in $(tools); do
		[ -z "$(nm -D --undefined-only "$(command -v "$t")" | grep -w setlocale)" ] || fail "$t calls setlocale"
	done
}
