# What judges mai-train: that tests/peers/train_torch.py takes what is right, computed in f32, and refuses what is not.

load setup
load stream
no_leak_check

setup() {
	need_torch
	cd "$BATS_TEST_TMPDIR" || return
	printf '%s\n' '1 5 9 2 6 5 3 5 8' '9 7 9 3 2 3 8 4 6' >ids
}

tied='--dim 32 --layers 2 --heads 4 --kv-heads 2 --ffn 48 --vocab 64 --context 16'
model="model m.gguf $tied --untied"

peer() {
	"$peers/train_torch.py" "$@"
}

@test "gradients are taken, with the loss" {
	peer $model -- gradients m.gguf ids g.gguf --write -- gradients m.gguf ids g.gguf >said
	[ "$(grep -c weight said)" = 21 ]
	grep -q train.loss said
}

@test "gradients of other sequences, zero or absent ones are refused" {
	printf '%s\n' '1 5 9 2 6 5 3 5 8' '9 7 9 3 2 3 8 4 7' >other
	peer $model -- gradients m.gguf other other.gguf --write -- gradients m.gguf ids zero.gguf --write -- \
		model tied.gguf $tied -- gradients tied.gguf ids tied.gguf --write
	# the tensor that the file ends with
	truncate -s -6144 zero.gguf
	truncate -s +6144 zero.gguf
	peer ! gradients m.gguf ids other.gguf -- ! gradients m.gguf ids zero.gguf -- ! gradients m.gguf ids tied.gguf >said
	[ "$(grep -c 'weight * 1$' said)" = 1 ]
	[ "$(grep '^refused' said | paste -sd ,)" = "refused: 1,refused: 1,refused: no output.weight of the same shape" ]
}

@test "a model after some steps is taken, after one more or of another rate it is refused" {
	peer $model -- steps m.gguf ids after.gguf --steps 4 --lr 1e-3 --write -- steps m.gguf ids after.gguf --steps 4 --lr 1e-3 -- \
		! steps m.gguf ids after.gguf --steps 5 --lr 1e-3 -- ! steps m.gguf ids after.gguf --steps 4 --lr 1.1e-3
}

@test "several commands: one that ends well where it must not, or the other way round, ends all" {
	run -1 peer $model -- ! model other.gguf $tied -- model third.gguf $tied
	[[ $output == *"not refused: ! model other.gguf"* ]]
	run -1 peer gradients m.gguf ids m.gguf -- model third.gguf $tied
	[ ! -e third.gguf ]
}
