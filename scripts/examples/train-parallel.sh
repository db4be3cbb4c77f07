#!/bin/sh
# Trains one model with several workers that exchange what they have learnt only now and then (DiLoCo), by GNU parallel:
#
#	train-parallel.sh [-r ROUNDS] [-s STEPS] [-j JOBS] [-q TYPE] [-u OUTER] -m MODEL -o OUT DIR TOKENS... [-- SETTINGS]
#
# Each file of TOKENS is one worker's share of the data. In each of ROUNDS rounds (10) each worker does STEPS steps (100)
# of mai-train run from the same model, with SETTINGS, and sends the difference as a delta of TYPE (bf16); mai-train
# outer, with the options OUTER (-u '--median --momentum 0.6'), makes the model of the next round of those that came.
# JOBS workers run at a time (all).
#
# All that passes between workers are files in DIR, a folder a round. What is there is not made again: run the same
# command once more and it goes on where it was, in mid-step of a worker. A worker that fails is missed in its round
# and takes part in the next, with the optimiser's moments of the last round in which it was there.
#
# For workers on other machines let parallel do what it is for: --sshloginfile NODES and a shared DIR (or --transfer,
# --return and --cleanup); under Slurm run `train-parallel.sh worker ...` as a job array, and outer after it.
set -eu

die() {
	echo "train-parallel: $2" >&2
	exit "$1"
}

# worker DIR ROUND STEPS ROUNDS TYPE NUMBER TOKENS SETTINGS...
worker() {
	dir=$1 round=$2 steps=$3 rounds=$4 type=$5 number=$6 tokens=$7
	shift 7
	here=$dir/$round
	[ ! -e "$here/$number.delta" ] || return 0
	last=$((round - 1))
	while [ "$last" -ge 0 ] && ! { [ -e "$dir/$last/$number.checkpoint" ] && [ -e "$dir/$last/$number.lost" ]; }; do
		last=$((last - 1))
	done
	moments= lost=
	if [ "$last" -ge 0 ]; then
		moments=--moments=$dir/$last/$number.checkpoint
		lost=--feedback=$dir/$last/$number.lost
	fi
	mai-train run -q -m "$here/model.gguf" -d "$tokens" --steps "$((steps * rounds))" --begin "$((steps * round))" \
		--until "$((steps * (round + 1)))" --checkpoint "$here/$number.checkpoint" --resume ${moments:+"$moments"} \
		--log "$here/$number.tsv" -o "$here/$number.gguf" "$@"
	mai-train delta -q "$type" ${lost:+"$lost"} --feedback-out "$here/$number.lost" -o "$here/$number.delta" \
		"$here/model.gguf" "$here/$number.gguf"
}

if [ "${1-}" = worker ]; then
	shift
	worker "$@"
	exit
fi

usage='usage: train-parallel.sh [-r ROUNDS] [-s STEPS] [-j JOBS] [-q TYPE] [-u OUTER] -m MODEL -o OUT DIR TOKENS... [-- SETTINGS]'
rounds=10 steps=100 jobs=0 type=bf16 outer= model= out=
while [ $# -gt 0 ]; do
	case $1 in
	-h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit ;;
	-r | -s | -j | -q | -u | -m | -o) [ $# -gt 1 ] || die 2 "$1 needs a value" ;;
	-*) die 2 "no option '$1'; $usage" ;;
	*) break ;;
	esac
	case $1 in
	-r) rounds=$2 ;; -s) steps=$2 ;; -j) jobs=$2 ;; -q) type=$2 ;; -u) outer=$2 ;; -m) model=$2 ;; -o) out=$2 ;;
	esac
	shift 2
done
[ $# -gt 1 ] && [ -n "$model" ] && [ -n "$out" ] || die 2 "$usage"
command -v parallel >/dev/null || die 3 "no GNU parallel"

for count in "$rounds" "$steps" "$jobs"; do
	case $count in
	'' | *[!0-9]*) die 2 "'$count' is no number; $usage" ;;
	esac
done

dir=$1
shift
mkdir -p "$dir/0"
n=0
: >"$dir/workers.new"
while [ $# -gt 0 ] && [ "$1" != -- ]; do
	[ -r "$1" ] || die 3 "cannot read $1"
	printf '%s\t%s\n' $n "$1" >>"$dir/workers.new"
	n=$((n + 1))
	shift
done
[ $# -eq 0 ] || shift

# A folder is for one run: of this model, these workers and settings.
{
	cksum <"$model"
	echo "$rounds $steps $type $outer $*"
	cat "$dir/workers.new"
} >"$dir/run.new"
if [ -e "$dir/run" ] && ! cmp -s "$dir/run" "$dir/run.new"; then
	die 2 "$dir holds a run with another model, other workers or settings"
fi
mv "$dir/run.new" "$dir/run"
mv "$dir/workers.new" "$dir/workers"

self=$(realpath "$0")
[ -e "$dir/0/model.gguf" ] || { cp "$model" "$dir/0/model.new" && mv "$dir/0/model.new" "$dir/0/model.gguf"; }
round=0
while [ "$round" -lt "$rounds" ]; do
	next=$((round + 1))
	mkdir -p "$dir/$next"
	if [ ! -e "$dir/$next/model.gguf" ]; then
		parallel --no-notice --jobs "$jobs" --colsep '\t' --quote sh "$self" worker "$dir" "$round" "$steps" "$rounds" \
			"$type" {1} {2} "$@" :::: "$dir/workers" || echo "train-parallel: round $round: a worker failed" >&2
		state=
		[ ! -e "$dir/$round/momentum.gguf" ] || state=--state=$dir/$round/momentum.gguf
		# shellcheck disable=SC2086 # options
		mai-train outer -m "$dir/$round/model.gguf" $outer ${state:+"$state"} --state-out "$dir/$next/momentum.gguf" \
			-o "$dir/$next/model.gguf" "$dir/$round"/*.delta
	fi
	round=$next
done
cp "$dir/$rounds/model.gguf" "$out.new"
mv "$out.new" "$out"
