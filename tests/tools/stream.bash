# For tests that look into streams with programs other than mai's: tests/peers.
peers=$top/tests/peers

# stream WHAT ...: tests/peers/mai_stream.py
stream() {
	"$peers/mai_stream.py" "$@"
}

# Skips the test without what the programs in tests/peers need.
need_numpy() {
	/usr/bin/python3 -c 'import numpy, xxhash' 2>/dev/null || skip "needs python3-numpy and python3-xxhash"
}

# Skips the test without PyTorch, which trains beside mai.
need_torch() {
	/usr/bin/python3 -c 'import torch' 2>/dev/null || skip "needs python3-torch"
}
