# What every test of the tools needs: the built tools first in PATH, the shared data, the model.
# MAI_BUILD says which build is tested.
bats_require_minimum_version 1.5.0
top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
PATH="${MAI_BUILD:-$top/build}:$PATH"
SHARED=${MAI_SHARED:-$top/../shared}
M=$SHARED/models/stories260K.gguf

# Skips the test unless the named file of the shared data is there.
need_shared() {
	[ -e "$SHARED/$1" ] || skip "needs $1 of the shared data"
}

# Skips the test unless the tools are built for aarch64 too; $AARCH64 is a folder for PATH where they run under qemu.
need_aarch64() {
	AARCH64=$top/build/aarch64/emulated
	[ -x "$AARCH64/mai-run" ] || skip "needs make CROSS=aarch64-linux-gnu- O=build/aarch64"
}

# For tests that compare figures, in hundreds of processes: none looks for leaks at its end, which takes a sanitizer's longer than
# all else. Tests of what the tools do look for them.
no_leak_check() {
	[ -z "${ASAN_OPTIONS:-}" ] || export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
}

# The names of all tools.
tools() {
	local f
	for f in "$top"/tools/mai-*.c; do
		[ ! -e "$f" ] || basename "$f" .c
	done
}

# The verbs of a tool (mai-shard split), as its usage names them.
verbs() {
	"$top/scripts/completions" table "$1" | cut -f 1 | grep -vx -e - | uniq
}

# Fails the test with a text.
fail() {
	printf '%s\n' "$@" >&2
	return 1
}

# npm_fetch FOLDER FROM NAME: the files of FROM in the folder, with what their package-lock.json names, once
npm_fetch() {
	command -v npm >/dev/null || skip "needs npm"
	mkdir -p "$1"
	# tests run beside each other
	(cd "$1" && flock 9 && { [ -e ready ] && cmp -s package-lock.json "$2/package-lock.json" ||
		{ rm -f ready && cp -f "$2"/* . && npm ci --ignore-scripts >npm.log 2>&1 && : >ready; }; }) 9>"$1/lock" ||
		skip "npm can't fetch $3"
}

# js_libp2p: its scripts in the present folder, with all they need
js_libp2p() {
	need_shared peers/libp2p/package-lock.json
	local folder="$top/build/libp2p"
	npm_fetch "$folder" "$SHARED/peers/libp2p" js-libp2p
	cp "$top"/tests/peers/libp2p_*.mjs "$folder"
	cd "$folder" || return
}
