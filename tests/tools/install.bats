# Installing: every file where it belongs, whatever the umask; nothing left behind; completions that complete.

load setup

setup_file() {
	load setup
	export DEST="$BATS_FILE_TMPDIR/a root"
	(umask 077 && install_to "$DEST" install)
}

install_to() {
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -C "$top" O="${MAI_BUILD:-$top/build}" DESTDIR="$1" PREFIX=/usr "$2"
}

# need_program NAME
need_program() {
	command -v "$1" >/dev/null || skip "needs $1"
}

@test "tools, pages, completions and licence are installed" {
	for t in $(tools); do
		[ "$(stat -c %a "$DEST/usr/bin/$t")" = 755 ]
		cmp "$DEST/usr/bin/$t" "${MAI_BUILD:-$top/build}/$t"
		for f in "bash-completion/completions/$t" "zsh/site-functions/_$t" "fish/vendor_completions.d/$t.fish"; do
			[ "$(stat -c %a "$DEST/usr/share/$f")" = 644 ]
			[ -s "$DEST/usr/share/$f" ]
		done
	done
	for p in $(cd "$top/man" && find . -name '*.[157]'); do
		cmp "$DEST/usr/share/man/$p" "$top/man/$p"
	done
	cmp "$DEST/usr/share/doc/mai/LICENSE" "$top/LICENSE"
}

@test "the installed tools run" {
	for t in $(tools); do
		"$DEST/usr/bin/$t" --version
	done
}

@test "uninstall leaves nothing" {
	install_to "$BATS_TEST_TMPDIR/gone" install
	[ -n "$(find "$BATS_TEST_TMPDIR/gone" -type f)" ]
	install_to "$BATS_TEST_TMPDIR/gone" uninstall
	[ -z "$(find "$BATS_TEST_TMPDIR/gone" -type f)" ]
}

@test "bash completes the options and verbs of every tool" {
	# completed WORD...: what bash offers behind these words
	completed() {
		bash -c '
			source "$1"
			shift
			COMP_WORDS=("$@")
			COMP_CWORD=$(($# - 1))
			"_${1//-/_}"
			printf "%s\n" "${COMPREPLY[@]}"' - "$DEST/usr/share/bash-completion/completions/$1" "$@"
	}
	for t in $(tools); do
		completed "$t" --hel | grep -qx -e --help
		completed "$t" -v -- | grep -qx -e --version
		[ -z "$(completed "$t" --no-such)" ]
		for v in $(verbs "$t"); do
			completed "$t" "${v:0:1}" | grep -qx "$v"
			completed "$t" "$v" --h | grep -qx -e --help
		done
	done
}

@test "every option of --help is in the completions of all shells" {
	for t in $(tools); do
		"$top/scripts/completions" table "$t" | cut -f 3 | grep -vx -e - | while read -r option; do
			for f in "bash-completion/completions/$t" "zsh/site-functions/_$t" "fish/vendor_completions.d/$t.fish"; do
				grep -q -e "$option" "$DEST/usr/share/$f" || fail "$t: no --$option in $f"
			done
		done
	done
}

@test "zsh reads its completions" {
	need_program zsh
	for t in $(tools); do
		zsh -n "$DEST/usr/share/zsh/site-functions/_$t"
	done
}

@test "fish completes the options of every tool" {
	need_program fish
	export HOME=$BATS_TEST_TMPDIR XDG_CONFIG_HOME=$BATS_TEST_TMPDIR XDG_DATA_HOME=$BATS_TEST_TMPDIR
	for t in $(tools); do
		fish -c 'source $argv[1]; complete -C "$argv[2] --hel"' "$DEST/usr/share/fish/vendor_completions.d/$t.fish" "$t" |
			grep -q -e --help
	done
}
