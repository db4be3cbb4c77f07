# The examples of the man pages, and a folder to run them in.
#
# The convention: in a page, a line of literal text (.Dl, or in .Bd -literal) that begins with "$ " is a command that
# runs as it stands, in the page's order, in one folder, where these lie:
#	M, model.gguf  the model (also $M)
#	prompts.txt    three prompts, one a line
#	story.txt      a short text
# A line that ends in | or \ or && goes on in the next. What can't be run here (ssh to another machine) has another prompt: "there$ ".
# A command succeeds, or dies of a reader that wanted no more.

# examples PAGE: its commands, one a line
examples() {
	mandoc -T ascii -O width=400,indent=0 "$1" | sed 's/.\x08//g' | commands '$ '
}

# commands PROMPT: those on stdin that begin with it, one a line
commands() {
	awk -v prompt="$1" '
		{ sub(/^ +/, ""); sub(/ +$/, "") }
		goes_on { line = line " " $0 }
		!goes_on && index($0, prompt) == 1 { line = substr($0, length(prompt) + 1) }
		line != "" {
			goes_on = line ~ /(\||\\|&&)$/
			if (!goes_on) {
				print line
				line = ""
			} else {
				sub(/\\$/, "", line)
			}
		}'
}

# example_folder DIR: makes the folder that the convention speaks of
example_folder() {
	mkdir -p "$1/home"
	ln -s "$(realpath "$M")" "$1/M"
	ln -s M "$1/model.gguf"
	printf '%s\n' "Once upon a time" "Tom and Jane went to the park." "The little dog" >"$1/prompts.txt"
	printf '%s\n' "Once upon a time, there was a little girl named Lily. She loved to play outside in the park." \
		"One day, she saw a big, red ball. She wanted to play with it, but it was too high." >"$1/story.txt"
}

# in_folder DIR COMMAND: runs it as a user's shell does; its status is that of the first stage from the right that failed
in_folder() {
	cd "$1" && env M="$(realpath M)" HOME="$PWD/home" XDG_CACHE_HOME="$PWD/home" --default-signal=PIPE \
		bash --norc -o pipefail -c "$2"
}

# run_examples PAGE DIR: all commands of the page in one shell. Prints the command that fails.
run_examples() {
	local script="$2/examples.sh" command

	{
		echo 'failed() { echo "status $1: $2" >&2; exit 1; }'
		while IFS= read -r command; do
			printf '%s\nstatus=$?; [[ $status = 0 || $status = 141 ]] || failed $status %q\n' "$command" "$command"
		done < <(examples "$1")
		echo wait
	} >"$script"
	in_folder "$2" ". ./examples.sh"
}
