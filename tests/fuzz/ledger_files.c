/*
 * Any bytes as a note, a verifier key, a checkpoint and the file of a proof. What is taken holds what it may, is printed as it was, and is
 * signed by nobody who has not signed it.
 */
#include <stdlib.h>
#include <string.h>

#include "ledger/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool good)
{
	if (!good)
		abort();
}

static void
try_note(const char *data, size_t size)
{
	static const uint8_t nobody[KEY_PUBLIC];
	struct checkpoint c;
	struct note_key k;
	struct note t;
	uint64_t time;

	if (note_parse(&t, data, size) < 0)
		return;
	must(t.text == data && t.n > 0 && data[t.n - 1] == '\n' && t.signatures == data + t.n + 1 && t.n + 1 + t.n_signatures == size);
	for (enum note_type type = NOTE_ED25519; type <= NOTE_COSIGNATURE; type += NOTE_COSIGNATURE - NOTE_ED25519) {
		must(note_key_make(&k, "example.org/log", type, nobody) == 0 && note_signed(&t, &k, &time) <= 0);
		must(checkpoint_open(&c, &t, data, size, &k) < 0);
	}
}

static void
try_key(const char *data, size_t size)
{
	struct note_key k, again;
	char text[NOTE_VKEY];

	if (note_key_parse(&k, data, size) < 0)
		return;
	must(strlen(note_key_text(&k, text)) == size && memcmp(text, data, size) == 0);
	must(note_key_parse(&again, text, size) == 0 && memcmp(&k, &again, sizeof k) == 0);
}

/* Without its extension lines. In a note there is no NUL. */
static void
try_checkpoint(const char *data, size_t size)
{
	struct buf text = { 0 };
	struct checkpoint c;

	if (memchr(data, 0, size) || checkpoint_parse(&c, data, size) < 0)
		return;
	must(checkpoint_add(&text, &c) == 0 && text.len <= size && memcmp(text.data, data, text.len) == 0);
	buf_free(&text);
}

static void
try_proof(const char *data, size_t size)
{
	static struct proof_file p, again;
	struct buf text = { 0 };

	if (proof_file_parse(&p, data, size) < 0)
		return;
	must(p.n <= MERKLE_PROOF && p.checkpoint + p.n_checkpoint == data + size && proof_file_add(&text, &p) == 0 && text.len <= size);
	if (text.len == size) /* there was no extra line */
		must(memcmp(text.data, data, size) == 0);
	must(proof_file_parse(&again, (const char *)text.data, text.len) == 0 && again.index == p.index && again.n == p.n && again.n_checkpoint == p.n_checkpoint);
	must(memcmp(again.proof, p.proof, p.n * sizeof *p.proof) == 0 && memcmp(again.checkpoint, p.checkpoint, p.n_checkpoint) == 0);
	buf_free(&text);
	try_note(p.checkpoint, p.n_checkpoint);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_note((const char *)data, size);
	try_key((const char *)data, size);
	try_checkpoint((const char *)data, size);
	try_proof((const char *)data, size);
	return 0;
}
