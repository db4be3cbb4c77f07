# The man pages: there is one for each tool, it is well-formed, tells of the options that exist, and its examples run.

load setup
load examples

pages() {
	find "$top"/man -name '*.[157]' | sort
}

# Everybody's options are told of in mai(7).
everybody='^(-v|--verbose|-q|--quiet|-h|--help|--version)$'

# The options that a tool's --help names, one a line.
help_options() {
	"$top/scripts/completions" table "$1" | awk -F '\t' '
		$2 != "-" { print "-" $2 }
		$3 != "-" { print "--" $3 }' | grep -vxE "$everybody" | sort -u
}

# The options that a page explains (.It Fl) or names in its synopsis.
page_options() {
	awk '
		/^\.Sh/ { synopsis = $2 == "SYNOPSIS" }
		/^\.It (Xo )?Fl/ || (synopsis && /^\./) {
			for (i = 2; i < NF; i++)
				if ($i == "Fl") {
					option = $(i + 1)
					gsub(/[\\"]|=.*/, "", option)
					if (option ~ /^-/)
						print "-" option
					else # Fl lst: three letters
						for (j = 1; j <= length(option); j++)
							print "-" substr(option, j, 1)
				}
		}' "$1" | grep -vxE "$everybody" | sort -u
}

@test "every tool has a page, and every page in section 1 a tool" {
	for t in $(tools); do
		[ -e "$top/man/man1/$t.1" ] || fail "$t has no page"
	done
	for p in "$top"/man/man1/*.1; do
		[ ! -e "$p" ] || [ -e "$top/tools/$(basename "$p" .1).c" ] || fail "$p is the page of no tool"
	done
}

@test "mandoc finds nothing wrong with the pages" {
	for p in $(pages); do
		mandoc -T lint -W warning "$p" || fail "$p"
	done
}

@test "pages refer to pages that exist" {
	for p in $(pages); do
		while read -r name section; do
			[ -e "$top/man/man$section/$name.$section" ] || fail "$(basename "$p") refers to $name($section), which is missing"
		done < <(awk '/^\.(It )?Xr mai/ { sub(/^\.It /, "."); print $2, $3 }' "$p")
	done
}

@test "the options in --help are those in the page" {
	for t in $(tools); do
		diff <(help_options "$t") <(page_options "$top/man/man1/$t.1") ||
			fail "$t: < only in --help, > only in the page"
	done
}

@test "the examples of all pages run as they stand" {
	need_shared models/stories260K.gguf
	for p in $(pages); do
		dir=$BATS_TEST_TMPDIR/$(basename "$p")
		example_folder "$dir"
		run_examples "$p" "$dir" >"$dir/home/stdout" 2>"$dir/home/stderr" ||
			fail "$(basename "$p"):" "$(tail -n 20 "$dir/home/stderr")"
	done
}

@test "every page in section 1 has an example" {
	for p in "$top"/man/man1/*.1; do
		[ ! -e "$p" ] || [ -n "$(examples "$p")" ] || fail "$(basename "$p") has no example that runs"
	done
}

@test "an example that fails is noticed" {
	need_shared models/stories260K.gguf
	printf '%s\n' '.Dd November 24, 2026' '.Dt X 1' '.Os' '.Sh EXAMPLES' '.Dl $ true' '.Bd -literal' '$ echo a |' \
		'  false |' '  cat' '.Ed' '.Dl $ echo unreached' >"$BATS_TEST_TMPDIR/x.1"
	example_folder "$BATS_TEST_TMPDIR/x"
	run run_examples "$BATS_TEST_TMPDIR/x.1" "$BATS_TEST_TMPDIR/x"
	[ "$status" = 1 ]
	[[ $output == *"status 1: echo a | false | cat" ]]
}

@test "the pipelines of the README are among those of mai(7), which are run" {
	sed -n '/^## Three pipelines/,/^## What/p' "$top/README.md" | sed -n 's/^    /$ /p' | tr '\n' '\r' |
		sed 's/|\r\$ /|\r/g' | tr '\r' '\n' | commands '$ ' >"$BATS_TEST_TMPDIR/readme"
	[ -s "$BATS_TEST_TMPDIR/readme" ]
	examples "$top/man/man7/mai.7" >"$BATS_TEST_TMPDIR/page"
	run grep -vxFf "$BATS_TEST_TMPDIR/page" "$BATS_TEST_TMPDIR/readme"
	[ -z "$output" ]
}
