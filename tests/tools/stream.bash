# For tests that look into streams with programs other than mai's: tests/peers.
peers=$top/tests/peers

# stream WHAT ...: tests/peers/mai_stream.py
stream() {
	"$peers/mai_stream.py" "$@"
}

# python_has MODULE...: Python finds them (it does not load them, which takes a fifth of a second for numpy, two for torch)
python_has() {
	/usr/bin/python3 -c 'import sys, importlib.util as u; sys.exit(not all(map(u.find_spec, sys.argv[1:])))' "$@"
}

# Skips the test without what the programs in tests/peers need.
need_numpy() {
	python_has numpy xxhash || skip "needs python3-numpy and python3-xxhash"
}

# Skips the test without PyTorch, which trains beside mai.
need_torch() {
	python_has torch || skip "needs python3-torch"
}
