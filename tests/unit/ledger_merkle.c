/* Hash trees and their proofs, tiles, signed notes, checkpoints and proof files: the vectors of others, and what they leave open. */
#include <stdio.h>

#include "base/err.h"
#include "ledger/checkpoint.h"
#include "ledger/tile.h"
#include "trust/base64.h"
#include "vectors.h"

/* A hash in base64; what has not the length of one is as good as any other that is wrong. */
static struct hash
hash_of(const char *base64)
{
	uint8_t bytes[256];
	ssize_t n = base64_decode_some(bytes, sizeof bytes, base64, strlen(base64));
	struct hash h;

	if (n != HASH_SIZE)
		return hash_bytes(base64, strlen(base64));
	memcpy(h.bytes, bytes, HASH_SIZE);
	return h;
}

static size_t
proof_of(struct hash proof[MERKLE_PROOF], const json_t *list)
{
	size_t i, n = 0;
	const json_t *one;

	json_array_foreach(list, i, one)
		if (n < MERKLE_PROOF)
			proof[n++] = hash_of(json_string_value(one));
	return n;
}

/* Numbers near 2^64 are read as JSON's reals. */
static json_t *
proofs(const char *name)
{
	const char *path = vectors_path(name);
	json_t *j = path ? json_load_file(path, JSON_DECODE_INT_AS_REAL, NULL) : NULL;

	if (path)
		tap_ok(j != NULL, "%s is read", name);
	return j;
}

static uint64_t
number_of(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_number_value(v) >= 0x1p63 ? UINT64_MAX : (uint64_t)json_number_value(v);
}

static void
check_inclusion(void)
{
	json_t *all = proofs("merkle/inclusion.json"), *o;
	size_t i, wrong = 0;

	json_array_foreach(all, i, o) {
		struct hash root = hash_of(vectors_text(o, "root")), leaf = hash_of(vectors_text(o, "leafHash")), proof[MERKLE_PROOF];
		size_t n = proof_of(proof, json_object_get(o, "proof"));
		bool good = strlen(vectors_text(o, "leafHash")) == 44 && merkle_check_inclusion(number_of(o, "leafIdx"), number_of(o, "treeSize"), &leaf, proof, n, &root) == 0;
		if (good == json_is_true(json_object_get(o, "wantErr"))) {
			wrong++;
			printf("# %s\n", vectors_text(o, "file"));
		}
	}
	if (all)
		tap_ok(wrong == 0 && i > 0, "%zu proofs of inclusion, good and mutated", i);
	json_decref(all);
}

static void
check_consistency(void)
{
	json_t *all = proofs("merkle/consistency.json"), *o;
	size_t i, wrong = 0;

	json_array_foreach(all, i, o) {
		struct hash a = hash_of(vectors_text(o, "root1")), b = hash_of(vectors_text(o, "root2")), proof[MERKLE_PROOF];
		size_t n = proof_of(proof, json_object_get(o, "proof"));
		bool good = merkle_check_consistency(number_of(o, "size1"), number_of(o, "size2"), &a, &b, proof, n) == 0;
		if (good == json_is_true(json_object_get(o, "wantErr"))) {
			wrong++;
			printf("# %s\n", vectors_text(o, "file"));
		}
	}
	if (all)
		tap_ok(wrong == 0 && i > 0, "%zu proofs of consistency, good and mutated", i);
	json_decref(all);
}

/* ---- trees made here ---- */

enum { MOST = 70000 };
static struct hash *level[20]; /* of a tree of MOST leaves: its whole nodes */

static int
node(void *arg, unsigned height, uint64_t index, struct hash *to)
{
	(void)arg;
	if (height >= 20 || index >= (uint64_t)MOST >> height)
		return err_set(ERR_DATA, "no such node");
	*to = level[height][index];
	return 0;
}

static void
make_tree(void (*leaf)(uint64_t i, struct hash *to), size_t n)
{
	for (unsigned k = 0; k < 20; k++) {
		if (!level[k] && !(level[k] = calloc(((size_t)MOST >> k) + 1, sizeof **level)))
			abort();
		for (uint64_t i = 0; i < n >> k; i++)
			if (k == 0)
				leaf(i, &level[0][i]);
			else
				level[k][i] = merkle_node(&level[k - 1][2 * i], &level[k - 1][2 * i + 1]);
	}
}

static json_t *tree;

static void
leaf_of_tree(uint64_t i, struct hash *to)
{
	struct buf b = hex(json_string_value(json_array_get(json_object_get(tree, "leafInputs"), i)));

	*to = merkle_leaf(b.data, b.len);
	buf_free(&b);
}

static void
check_small(void)
{
	json_t *roots;
	size_t i, wrong = 0;
	const json_t *root;

	if (!(tree = vectors_json("merkle/rfc6962-tree.json")))
		return;
	make_tree(leaf_of_tree, json_array_size(json_object_get(tree, "leafInputs")));
	roots = json_object_get(tree, "rootsBySize");
	json_array_foreach(roots, i, root) {
		struct hash h;
		wrong += merkle_root(node, NULL, i, &h) < 0 || !is_hex(h.bytes, HASH_SIZE, json_string_value(root));
	}
	tap_ok(wrong == 0 && i == 9, "the roots of RFC 6962's tree, by size");
	json_decref(tree);
}

/* "leaf-N" */
static void
numbered(uint64_t i, struct hash *to)
{
	char text[32];

	*to = merkle_leaf(text, (size_t)snprintf(text, sizeof text, "leaf-%llu", (unsigned long long)i));
}

static void
check_roots(void)
{
	json_t *all = vectors_json("merkle/roots-generated.json"), *o;
	size_t i, wrong = 0;

	json_array_foreach(all, i, o) {
		struct hash h;
		wrong += merkle_root(node, NULL, number_of(o, "size"), &h) < 0 || !is_hex(h.bytes, HASH_SIZE, vectors_text(o, "root"));
	}
	if (all)
		tap_ok(wrong == 0 && i > 0, "%zu roots of trees of up to %d leaves", i, MOST);
	json_decref(all);
}

/* Each proof holds, and none does with a bit flipped, a hash more or less, or for a neighbour. */
static bool
is_included_alone(uint64_t index, uint64_t size)
{
	struct hash proof[MERKLE_PROOF + 1], root, leaf = level[0][index];
	size_t n;

	if (merkle_root(node, NULL, size, &root) < 0 || merkle_inclusion(node, NULL, index, size, proof, &n) < 0 ||
	    merkle_check_inclusion(index, size, &leaf, proof, n, &root) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		proof[i].bytes[i % HASH_SIZE] ^= 1;
		if (merkle_check_inclusion(index, size, &leaf, proof, n, &root) == 0)
			return false;
		proof[i].bytes[i % HASH_SIZE] ^= 1;
	}
	proof[n] = root;
	if (merkle_check_inclusion(index, size, &leaf, proof, n + 1, &root) == 0 || (n > 0 && merkle_check_inclusion(index, size, &leaf, proof, n - 1, &root) == 0))
		return false;
	return merkle_check_inclusion(index + 1, size, &leaf, proof, n, &root) < 0 && (index == 0 || merkle_check_inclusion(index - 1, size, &leaf, proof, n, &root) < 0);
}

static bool
is_beginning(uint64_t size1, uint64_t size2)
{
	struct hash proof[MERKLE_PROOF + 1], a, b, other;
	size_t n;

	if (merkle_root(node, NULL, size1, &a) < 0 || merkle_root(node, NULL, size2, &b) < 0 || merkle_consistency(node, NULL, size1, size2, proof, &n) < 0 ||
	    merkle_check_consistency(size1, size2, &a, &b, proof, n) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		proof[i].bytes[i % HASH_SIZE] ^= 0x80;
		if (merkle_check_consistency(size1, size2, &a, &b, proof, n) == 0)
			return false;
		proof[i].bytes[i % HASH_SIZE] ^= 0x80;
	}
	other = a;
	other.bytes[0] ^= 1;
	proof[n] = b;
	return merkle_check_consistency(size1, size2, &other, &b, proof, n) < 0 && merkle_check_consistency(size1, size2, &a, &b, proof, n + 1) < 0;
}

static void
check_own(void)
{
	bool good = true;

	for (uint64_t size = 1; size <= 40 && good; size++)
		for (uint64_t i = 0; i < size && good; i++)
			good = is_included_alone(i, size);
	tap_ok(good, "each leaf of trees of up to 40, and nothing else, is shown to be in them");
	for (uint64_t size = 1; size <= 40 && good; size++)
		for (uint64_t i = 1; i <= size && good; i++)
			good = is_beginning(i, size);
	tap_ok(good, "each of these trees, and nothing else, is shown to be the beginning of the larger ones");
	tap_ok(is_included_alone(69999, 70000) && is_included_alone(65535, 70000) && is_included_alone(0, 65537) && is_beginning(65536, 70000) && is_beginning(4097, 69999),
	    "large ones");
}

/* ---- tiles ---- */

static void
check_tiles(void)
{
	json_t *all = vectors_json("merkle/tlog-tiles.json"), *o, *t;
	char path[TILE_PATH];
	size_t i, k, wrong = 0;

	if (!all)
		return;
	json_array_foreach(json_object_get(all, "paths"), i, o)
		wrong += strcmp(tile_path(path, (int)number_of(o, "level"), number_of(o, "index"), (unsigned)number_of(o, "width")), vectors_text(o, "path")) != 0;
	tap_ok(wrong == 0 && i > 0, "%zu paths of tiles", i);
	json_array_foreach(json_object_get(all, "sizes"), i, o) {
		uint64_t size = number_of(o, "size");
		json_array_foreach(json_object_get(o, "tiles"), k, t) {
			int l = (int)number_of(t, "level");
			uint64_t full = number_of(t, "full");
			wrong += tile_width(l, full, size) != number_of(t, "partialWidth") || (full > 0 && tile_width(l, full - 1, size) != TILE_WIDTH) ||
			    tile_width(l, full + 1, size) != 0;
		}
		wrong += tile_width((int)k, 0, size) != 0;
	}
	tap_ok(wrong == 0 && i > 0, "the tiles of logs of %zu sizes", i);
	struct hash h = hash_bytes(level[0], TILE_WIDTH * sizeof **level);
	tap_ok(is_hex(h.bytes, HASH_SIZE, vectors_text(all, "tile_0_000_sha256")), "a whole tile");
	tap_ok(strcmp(tile_path(path, TILE_ENTRIES, 1234067, TILE_WIDTH), "tile/entries/x001/x234/067") == 0 &&
	    strcmp(tile_path(path, TILE_ENTRIES, UINT64_MAX, 255), "tile/entries/x018/x446/x744/x073/x709/x551/615.p/255") == 0, "tiles of entries");
	json_decref(all);
}

/* ---- notes ---- */

static void
check_keys(void)
{
	json_t *all = vectors_json("note/vkey.json"), *o;
	char text[NOTE_VKEY];
	size_t i;

	json_array_foreach(all, i, o) {
		const char *vkey = vectors_text(o, "vkey");
		const json_t *ok = json_object_get(o, "ok");
		struct note_key k;
		bool good = note_key_parse(&k, vkey, strlen(vkey)) == 0;
		tap_ok(json_is_null(ok) || good == json_is_true(ok), "key '%s': %s", vkey, good ? "taken" : err_reason());
		if (good)
			tap_ok(strcasecmp(note_key_text(&k, text), vkey) == 0, "and printed");
	}
	json_decref(all);
}

/* A note is good where it is one, and no signature by a key that is known is wrong. */
static int
signatures(const uint8_t *data, size_t n, const json_t *keys)
{
	struct note_key k;
	struct note t;
	const json_t *key;
	size_t i;
	int good = 0, rc;

	if (note_parse(&t, (const char *)data, n) < 0)
		return -1;
	json_array_foreach(keys, i, key) {
		if (note_key_parse(&k, json_string_value(key), json_string_length(key)) < 0 || (rc = note_signed(&t, &k, NULL)) < 0)
			return -1;
		good += rc;
	}
	return good;
}

static void
check_notes(void)
{
	json_t *all = vectors_json("note/signed-note.json"), *o;
	static uint8_t data[NOTE_MAX];
	size_t i;

	json_array_foreach(all, i, o) {
		const char *base64 = vectors_text(o, "noteBase64"), *expect = vectors_text(o, "expect");
		ssize_t n = base64_decode_some(data, sizeof data, base64, strlen(base64));
		int good = n < 0 ? -2 : signatures(data, (size_t)n, json_object_get(o, "vkeys"));
		bool taken = strcmp(expect, "ok") == 0 || strcmp(expect, "unverified") == 0;
		tap_ok(taken ? good == (int)number_of(o, "verifiedSignatures") : good == -1, "note: %s: %s%s", vectors_text(o, "name"), expect,
		    taken ? "" : err_reason());
	}
	json_decref(all);
}

static void
check_checkpoints(void)
{
	json_t *all = vectors_json("note/checkpoint-body.json"), *o;
	struct checkpoint c;
	struct proof_file p;
	size_t i;

	json_array_foreach(all, i, o) {
		const char *body = vectors_text(o, "body");
		bool good = checkpoint_parse(&c, body, strlen(body)) == 0;
		tap_ok(good == json_is_true(json_object_get(o, "ok")), "checkpoint %zu: %s", i, good ? "taken" : err_reason());
	}
	json_decref(all);
	all = vectors_json("note/tlog-proof.json");
	json_array_foreach(all, i, o) {
		const char *text = vectors_text(o, "proof");
		bool good = proof_file_parse(&p, text, strlen(text)) == 0;
		tap_ok(good == json_is_true(json_object_get(o, "ok")), "proof file %zu: %s", i, good ? "taken" : err_reason());
	}
	json_decref(all);
}

/* What is signed here is right, and with any bit changed it is not, nor cut short anywhere. */
static void
check_signing(enum note_type type)
{
	static const char text[] = "example.org/log\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
	struct buf note = { 0 };
	struct note_key mine, other;
	struct key k, k2;
	struct note t;
	uint64_t time = 0;
	size_t taken = 0;

	if (key_generate(&k) < 0 || key_generate(&k2) < 0 || note_key_make(&mine, "me", type, k.public.bytes) < 0 ||
	    note_key_make(&other, "me", type, k2.public.bytes) < 0)
		abort();
	if (buf_add(&note, text, sizeof text - 1) < 0 || buf_addc(&note, '\n') < 0 ||
	    note_sign(&note, text, sizeof text - 1, &mine, &k, 1767323045) < 0)
		abort();
	tap_ok(note_parse(&t, (const char *)note.data, note.len) == 0 && t.n == sizeof text - 1 && note_signed(&t, &mine, &time) == 1 &&
	    note_signed(&t, &other, NULL) == 0 && time == (type == NOTE_COSIGNATURE ? 1767323045 : 0), "type %d: a note is signed", (int)type);
	for (size_t i = 0; i < note.len * 8; i++) {
		note.data[i / 8] ^= (uint8_t)(1 << i % 8);
		taken += note_parse(&t, (const char *)note.data, note.len) == 0 && note_signed(&t, &mine, NULL) == 1;
		note.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t n = 0; n < note.len; n++)
		taken += note_parse(&t, (const char *)note.data, n) == 0 && note_signed(&t, &mine, NULL) == 1;
	tap_ok(taken == 0, "and with any bit flipped, or cut short, is not");
	buf_free(&note);
}

int
main(void)
{
	check_inclusion();
	check_consistency();
	check_small();
	make_tree(numbered, MOST);
	check_roots();
	check_own();
	check_tiles();
	check_keys();
	check_notes();
	check_checkpoints();
	check_signing(NOTE_ED25519);
	check_signing(NOTE_COSIGNATURE);
	for (unsigned k = 0; k < 20; k++)
		free(level[k]);
	return tap_done();
}
