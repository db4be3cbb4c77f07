# Bundles of whole directories (OpenSSF Model Signing): ours beside openssl and Sigstore, those of others, and what is refused.

load setup

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	mai-sign keygen -W -o a >names
	mkdir -p model/sub
	echo weights >model/weights.gguf
	echo '{}' >model/config.json
	echo words >model/sub/words
}

# refuses TEXT COMMAND...: status 1, one line that ends so, nothing on stdout
refuses() {
	local text=$1
	shift
	run -1 --separate-stderr "$@" </dev/null
	[ -z "$output" ] && [ "${#stderr_lines[@]}" = 1 ] && [[ $stderr == *"$text" ]] || fail "$*: $output $stderr"
}

# need PROGRAM
need() {
	command -v "$1" >/dev/null || skip "needs $1"
}

# The public key of a.pub as openssl prints it.
public_pem() {
	{ printf '\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00'; sed -n 2p a.pub | base64 -d | tail -c 32; } | openssl pkey -pubin -inform DER
}

# The statement in a bundle, and what of it is signed.
statement() {
	jq -r .dsseEnvelope.payload "$1" | base64 -d
}
signed_bytes() {
	local type=application/vnd.in-toto+json
	printf 'DSSEv1 %d %s %d ' ${#type} $type "$(statement "$1" | wc -c)"
	statement "$1"
}

@test "a directory is signed and verified; what is changed, added or taken away is found" {
	mai-sign bundle -k a.key model
	[ "$(mai-sign verify-bundle -p a.pub model)" = "model: 3 files signed by $(sed -n 's/did:key  //p' names)" ]
	mai-sign verify-bundle -p "$(mai-sign id --json a.pub | jq -r .peer)" model/
	(cd model && mai-sign verify-bundle -p ../a.pub . && mai-sign verify-bundle -p ../a.pub -x ../model/model.sig ../model)
	mai-sign verify-bundle -p a.pub -x - model <model/model.sig
	echo >>model/sub/words
	refuses "model: sub/words: not the file that is signed" mai-sign verify-bundle -p a.pub model
	echo words >model/sub/words
	echo more >model/sub/more
	refuses "model: sub/more: is not among what is signed" mai-sign verify-bundle -p a.pub model
	mai-sign verify-bundle -p a.pub -i sub/more model
	rm model/sub/more model/config.json
	refuses "model: config.json: is signed, and is missing" mai-sign verify-bundle -p a.pub model
	ln -s ../a.pub model/config.json
	refuses "model: config.json: a symbolic link" mai-sign verify-bundle -p a.pub model
	rm model/config.json
	mkfifo model/config.json
	refuses "model: config.json: neither a file nor a directory" mai-sign verify-bundle -p a.pub model
	rm model/config.json
	echo '{}' >model/config.json
	mai-sign verify-bundle -p a.pub model
	# wherever it is moved to
	mv model elsewhere
	mai-sign verify-bundle -p a.pub elsewhere
	mai-sign keygen -W -o b >/dev/null
	refuses "elsewhere/model.sig: made with another key, by what it says" mai-sign verify-bundle -p b.pub elsewhere
	jq -c '.verificationMaterial.publicKey.hint = ""' elsewhere/model.sig >nameless
	mai-sign verify-bundle -p a.pub -x nameless -i model.sig elsewhere
	refuses "nameless: the signature is wrong, or of another key" mai-sign verify-bundle -p b.pub -x nameless -i model.sig elsewhere
}

@test "where the bundle goes, and what is left out" {
	mkdir model/.git model/cache
	echo x >model/.git/config
	echo x >model/cache/x
	mai-sign bundle -k a.key -i cache model
	statement model/model.sig | jq -e '(.predicate.serialization.ignore_paths | sort) == [".git", ".gitattributes", ".github", ".gitignore", "cache", "model.sig"] and
		[.predicate.resources[].name] == ["config.json", "sub/words", "weights.gguf"] and .subject[0].name == "model"'
	mai-sign verify-bundle -p a.pub model
	cp model/model.sig before
	mai-sign bundle -k a.key -i cache model
	cmp before model/model.sig
	# inside, by another name; outside; to stdout
	mai-sign bundle -k a.key -o model/sub/signature -i cache -i model.sig model
	mai-sign verify-bundle -p a.pub -x model/sub/signature model
	rm -r model/sub/signature model/model.sig
	mai-sign bundle -k a.key -o outside -i cache model
	mai-sign verify-bundle -p a.pub -x outside model
	[ ! -e model/model.sig ]
	mai-sign bundle -k a.key -o - -i cache model >stdout
	cmp stdout outside
	mkdir empty empty/folder
	refuses "empty: no file" mai-sign bundle -k a.key empty
	[ ! -e empty/model.sig ]
	refuses "empty: config.json: is signed, and is missing" mai-sign verify-bundle -p a.pub -x outside empty
	ln -s config.json model/link
	refuses "model: link: a symbolic link" mai-sign bundle -k a.key -i cache model
	[ ! -e model/model.sig ]
	rm model/link
	: >"$(printf 'model/\377')"
	run -1 mai-sign bundle -k a.key -i cache model
	refuses "a: no path of UTF-8 below the directory, of less than 4096 bytes" mai-sign bundle -k a.key -i ../a model
}

@test "what is no bundle, no key, no directory" {
	mai-sign bundle -k a.key model
	head -c 300 model/model.sig >short
	: >empty
	head -c 1000 /dev/urandom >random
	jq -c '.dsseEnvelope.signatures = []' model/model.sig >unsigned
	jq -c 'del(.verificationMaterial)' model/model.sig >keyless
	head -c 20000000 /dev/zero >long
	for f in short empty random unsigned keyless long a.pub; do
		refuses "" mai-sign verify-bundle -p a.pub -x $f model
	done
	openssl genrsa -out rsa.key 2048 2>/dev/null
	openssl pkey -in rsa.key -pubout -out rsa.pem
	refuses "rsa.pem: a key of another kind than Ed25519, P-256, P-384 and P-521" mai-sign verify-bundle -p rsa.pem model
	refuses "rsa.key: not a public key in PEM" mai-sign verify-bundle -p rsa.key model
	run -3 mai-sign verify-bundle -p a.pub none
	run -3 mai-sign bundle -k a.key none
	run -3 mai-sign bundle -k a.key -o /dev/full model
	run -2 mai-sign verify-bundle model
	run -2 mai-sign verify-bundle -p a.pub
	run -2 mai-sign bundle -k a.key
	run -2 mai-sign bundle -k a.key model model
}

@test "openssl verifies what we sign, and we what it signs, with keys of each kind" {
	need openssl
	mai-sign bundle -k a.key model
	public_pem >a.pem
	[ "$(jq -r .verificationMaterial.publicKey.hint model/model.sig)" = "$(sha256sum <a.pem | cut -d ' ' -f 1)" ]
	mai-sign verify-bundle -p a.pem model
	signed_bytes model/model.sig >signed
	jq -r '.dsseEnvelope.signatures[0].sig' model/model.sig | base64 -d >sig
	openssl pkeyutl -verify -pubin -inkey a.pem -rawin -in signed -sigfile sig
	# digests of all files, one behind the other
	[ "$(statement model/model.sig | jq -r '.subject[0].digest.sha256')" = \
		"$(cd model && sha256sum config.json sub/words weights.gguf | cut -d ' ' -f 1 | tr -d '\n' | xxd -r -p | sha256sum | cut -d ' ' -f 1)" ]
	local kind curve hash
	for kind in prime256v1-sha256 secp384r1-sha384 secp521r1-sha512; do
		curve=${kind%-*} hash=${kind#*-}
		openssl ecparam -name "$curve" -genkey -noout -out ec.key
		openssl pkey -in ec.key -pubout -out ec.pem
		openssl dgst -$hash -sign ec.key -out ec.sig signed
		jq -c --arg sig "$(base64 -w 0 ec.sig)" --arg hint "$(sha256sum <ec.pem | cut -d ' ' -f 1)" \
			'.dsseEnvelope.signatures[0].sig = $sig | .verificationMaterial.publicKey.hint = $hint' model/model.sig >ec
		[[ $(mai-sign verify-bundle -p ec.pem -x ec model) == "model: 3 files signed by key $(sha256sum <ec.pem | cut -d ' ' -f 1)" ]]
		refuses "made with another key, by what it says" mai-sign verify-bundle -p a.pub -x ec model
		# in the alphabet for URLs, without padding
		jq -c '.dsseEnvelope |= ((.payload, .signatures[0].sig) |= (gsub("\\+"; "-") | gsub("/"; "_") | gsub("="; "")))' ec >url
		mai-sign verify-bundle -p ec.pem -x url model
		openssl dgst -sha224 -sign ec.key -out ec.sig signed
		jq -c --arg sig "$(base64 -w 0 ec.sig)" '.dsseEnvelope.signatures[0].sig = $sig' ec >other
		refuses "the signature is wrong, or of another key" mai-sign verify-bundle -p ec.pem -x other model
	done
}

@test "models that the tool of OpenSSF has signed" {
	need_shared vectors/oms/signed-models
	local v=$SHARED/vectors/oms/signed-models d n=0
	for d in "$v"/*-key; do
		cp -r "$d" copy
		chmod -R u+w copy
		# before 1.1 it did not say what it had left out
		if [ "$(statement copy/model.sig | jq '.predicate | .serialization.ignore_paths or .resources[0].name == "."')" = false ]; then
			refuses "copy: ignore-me: is not among what is signed" mai-sign verify-bundle -p "$v/signing-key-pub.pem" copy
			rm copy/ignore-me
		fi
		mai-sign verify-bundle -p "$v/signing-key-pub.pem" copy
		echo >>copy/signme-1
		refuses "copy: signme-1: not the file that is signed" mai-sign verify-bundle -p "$v/signing-key-pub.pem" copy
		rm -r copy
		n=$((n + 1))
	done
	[ $n -gt 2 ]
}

# sigstore: @sigstore/verify, in the build's folder
sigstore() {
	need_shared vectors/oms/peer-verify
	need npm
	local folder="$top/build/sigstore"
	mkdir -p "$folder"
	(cd "$folder" && flock 9 && { [ -e ready ] || { cp "$SHARED"/vectors/oms/peer-verify/* . && npm install --ignore-scripts >npm.log 2>&1 && : >ready; }; }) \
		9>"$folder/lock" || skip "npm can't fetch @sigstore/verify"
	verifier=$folder/verify.mjs
}

@test "@sigstore/verify takes our bundle, and not one that is changed" {
	need openssl
	sigstore
	mai-sign bundle -k a.key model
	public_pem >a.pem
	[ "$(node "$verifier" model/model.sig a.pem)" = VERIFIED ]
	jq -c '.dsseEnvelope.payload |= (@base64d | sub("config"; "conFig") | @base64)' model/model.sig >changed
	run -1 node "$verifier" changed a.pem
	[[ $output == REJECTED* ]]
	refuses "the signature is wrong, or of another key" mai-sign verify-bundle -p a.pub -x changed model
}
