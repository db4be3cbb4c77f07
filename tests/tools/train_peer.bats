# What judges mai-train: that tests/peers/train_torch.py takes what is right, computed in f32, and refuses what is not.

load setup
load stream
no_leak_check

setup() {
	need_torch
	cd "$BATS_TEST_TMPDIR" || return
	peer model m.gguf --dim 32 --layers 2 --heads 4 --kv-heads 2 --ffn 48 --vocab 64 --context 16 --untied
	printf '%s\n' '1 5 9 2 6 5 3 5 8' '9 7 9 3 2 3 8 4 6' >ids
}

peer() {
	"$peers/train_torch.py" "$@"
}

@test "gradients are taken, with the loss" {
	peer gradients m.gguf ids g.gguf --write
	peer gradients m.gguf ids g.gguf >said
	[ "$(grep -c weight said)" = 21 ]
	grep -q train.loss said
}

@test "gradients of other sequences, zero or absent ones are refused" {
	printf '%s\n' '1 5 9 2 6 5 3 5 8' '9 7 9 3 2 3 8 4 7' >other
	peer gradients m.gguf other g.gguf --write
	run -1 peer gradients m.gguf ids g.gguf
	# the tensor that the file ends with
	peer gradients m.gguf ids g.gguf --write
	truncate -s -6144 g.gguf
	truncate -s +6144 g.gguf
	run -1 peer gradients m.gguf ids g.gguf
	[ "$(grep -c ' 1$' <<<"$output")" = 1 ]
	peer model tied.gguf --dim 32 --layers 2 --heads 4 --kv-heads 2 --ffn 48 --vocab 64 --context 16
	peer gradients tied.gguf ids g.gguf --write
	run -1 peer gradients m.gguf ids g.gguf
	[[ $output == *"no output.weight"* ]]
}

@test "a model after some steps is taken, after one more or of another rate it is refused" {
	peer steps m.gguf ids after.gguf --steps 4 --lr 1e-3 --write
	peer steps m.gguf ids after.gguf --steps 4 --lr 1e-3
	run -1 peer steps m.gguf ids after.gguf --steps 5 --lr 1e-3
	run -1 peer steps m.gguf ids after.gguf --steps 4 --lr 1.1e-3
}
