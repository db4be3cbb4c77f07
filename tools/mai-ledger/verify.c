/* Is a log what it was, and right? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/opt.h"
#include "ledger/record.h"
#include "ledger/tlog.h"
#include "ledger/tlog_write.h"
#include "trust/jcs.h"
#include "trust/key.h"
#include "verbs.h"

/* ---- verify ---- */

static const char *since, *proof_path;
static struct opt_list witnesses;
static const struct opt verify_opts[] = {
	PUBLIC,
	{ 0, "since", "CHECKPOINT", OPT_STR, &since, 0, 0, "that it has only grown since this one" },
	{ 0, "proof", "PROOF", OPT_STR, &proof_path, 0, 0, "verify this proof instead of a log, for the record in a file" },
	{ 'w', "witness", "KEY", OPT_LIST, &witnesses, 0, 0, "verifier key of one who must have cosigned; may be given several times" },
	{ 0 },
};
static const struct opt_tool verify_tool = { "mai-ledger verify", "[-p KEY] [-w KEY] [--since CHECKPOINT] LOG\n"
	"mai-ledger verify -p KEY [-w KEY] --proof PROOF RECORD",
	"verifies a log: every record, every hash, its checkpoint; or the proof that a record is in one", verify_opts };

static int
check_witnesses(const struct note *t)
{
	struct note_key k;
	int rc;

	for (size_t i = 0; i < witnesses.n; i++) {
		if (read_vkey(&k, witnesses.item[i]) < 0 || (rc = note_signed(t, &k, NULL)) < 0)
			return -1;
		if (rc == 0)
			return err_set(ERR_DATA, "%s has not cosigned the checkpoint", k.name);
	}
	return 0;
}

/* Does the log begin with what an older checkpoint of it says? */
static int
check_since(struct tlog *l, const struct checkpoint *old)
{
	struct hash proof[MERKLE_PROOF];
	size_t n;

	if (old->size == 0)
		return 0;
	if (merkle_consistency(tlog_node, l, old->size, l->at.size, proof, &n) < 0 ||
	    merkle_check_consistency(old->size, l->at.size, &old->root, &l->at.root, proof, n) < 0)
		return err_wrap("%s: not what it was", l->path);
	return 0;
}

static int
check_file_since(struct tlog *l, const char *path)
{
	struct buf text = { 0 };
	struct checkpoint old;
	struct note t;
	int rc = io_read_file(&text, path, NOTE_MAX);

	if (rc == 0)
		rc = checkpoint_open(&old, &t, (const char *)text.data, text.len, &l->key) < 0 ? err_wrap("%s", path) : check_since(l, &old);
	buf_free(&text);
	return rc;
}

static int
check_record(void *arg, uint64_t index, const uint8_t *data, size_t n)
{
	struct record r;

	return record_entry(&r, data, n) < 0 ? err_wrap("%s: entry %llu", (const char *)arg, (unsigned long long)index) : 0;
}

static int
verify_log(const char *path)
{
	struct tlog l = { .folder = -1 };
	struct note t;
	int rc = tlog_recover(path) < 0 || open_log(&l, path) < 0 ? -1 : tlog_verify(&l, check_record, (void *)(uintptr_t)path); /* is only read */

	if (rc == 0)
		rc = note_parse(&t, (const char *)l.note.data, l.note.len) < 0 || check_witnesses(&t) < 0 || (since && check_file_since(&l, since) < 0) ? -1 : 0;
	if (rc == 0)
		printf("%s: %llu records, as %s has signed\n", path, (unsigned long long)l.at.size, l.at.origin);
	tlog_close(&l);
	return rc;
}

/* The record may have a newline behind it, and be written in another way. */
static int
check_proof(const struct buf *text, const struct buf *line)
{
	size_t n = line->len > 0 && line->data[line->len - 1] == '\n' ? line->len - 1 : line->len;
	struct buf made = { 0 };
	struct proof_file p;
	struct checkpoint c;
	struct note_key k;
	struct record r;
	struct hash leaf;
	struct note t;
	int rc = -1;

	if (read_vkey(&k, log_key) == 0 && proof_file_parse(&p, (const char *)text->data, text->len) == 0 &&
	    checkpoint_open(&c, &t, p.checkpoint, p.n_checkpoint, &k) == 0 && check_witnesses(&t) == 0 &&
	    record_read(&r, (const char *)line->data, n, &made) == 0) {
		leaf = record_id(&r);
		rc = merkle_check_inclusion(p.index, c.size, &leaf, p.proof, p.n, &c.root);
	}
	if (rc == 0)
		printf("record %llu of %llu in %s\n", (unsigned long long)p.index, (unsigned long long)c.size, c.origin);
	buf_free(&made);
	return rc;
}

static int
verify_proof(const char *path)
{
	struct buf text = { 0 }, line = { 0 };
	int rc = io_read_file(&text, proof_path, PROOF_MAX);

	if (rc == 0 && (rc = io_read_file(&line, path, JCS_MAX)) == 0 && check_proof(&text, &line) < 0)
		rc = err_wrap("%s", proof_path);
	buf_free(&text);
	buf_free(&line);
	return rc;
}

int
run_verify(int argc, char **argv)
{
	int first = opt_parse(&verify_tool, argc, argv), rc;

	if (first < 0)
		return opt_exit_status();
	if (argc - first != 1)
		return opt_usage(&verify_tool, "one %s is wanted", proof_path ? "record" : "log");
	if (proof_path && (!log_key || since))
		return opt_usage(&verify_tool, "--proof needs the key of the log (-p), and takes no --since");
	rc = proof_path ? verify_proof(argv[first]) : verify_log(argv[first]);
	free(witnesses.item);
	return finish(rc);
}

/* ---- witness ---- */

static const char *witness_name, *state_file;
static const struct opt witness_opts[] = {
	SECRET,
	PUBLIC,
	{ 0, "name", "NAME", OPT_STR, &witness_name, 0, 0, "what the witness is called, without spaces and '+'" },
	{ 0, "state", "FILE", OPT_STR, &state_file, 0, 0, "the checkpoint that was cosigned last" },
	{ 0 },
};
static const struct opt_tool witness_tool = { "mai-ledger witness", "[-k KEY] [-p KEY] --name NAME --state FILE LOG\nmai-ledger witness [-k KEY] --name NAME",
	"cosigns a log's checkpoint, if the log has only grown since the last one, and prints it; without a log, prints the witness's verifier key", witness_opts };

static int
print_key(const struct note_key *own)
{
	char text[NOTE_VKEY];

	note_key_text(own, text);
	return put_text(text, strlen(text)) < 0 ? -1 : put_text("\n", 1);
}

/* Writes the cosigned checkpoint to the state file first: whoever was told of it will find it there. */
static int
cosign(struct tlog *l, const struct note_key *own, const struct key *k)
{
	struct buf note = { 0 };
	struct note t;
	int rc = -1;

	if (buf_add(&note, l->note.data, l->note.len) == 0 &&
	    note_parse(&t, (const char *)l->note.data, l->note.len) == 0 && note_sign(&note, t.text, t.n, own, k, (uint64_t)time(NULL)) == 0)
		rc = io_write_file(state_file, note.data, note.len);
	if (rc == 0)
		rc = put_text(note.data, note.len);
	buf_free(&note);
	return rc;
}

/* Cosigns, if the log is what its checkpoint says and has only grown. */
static int
witness_log(const char *path, const struct note_key *own, const struct key *k)
{
	struct tlog l;
	struct hash root;
	int rc = open_log(&l, path) < 0 || merkle_root(tlog_node, &l, l.at.size, &root) < 0 ? -1 : 0;

	if (rc == 0 && !hash_equal(&root, &l.at.root))
		rc = err_set(ERR_DATA, "%s: its tiles are not those of its checkpoint", l.path);
	if (rc == 0 && access(state_file, F_OK) == 0)
		rc = check_file_since(&l, state_file);
	if (rc == 0)
		rc = cosign(&l, own, k);
	tlog_close(&l);
	return rc;
}

int
run_witness(int argc, char **argv)
{
	int first = opt_parse(&witness_tool, argc, argv), rc;
	struct note_key own;
	struct key k;

	if (first < 0)
		return opt_exit_status();
	if (!witness_name || argc - first > 1 || (argc - first == 1) != (state_file != NULL))
		return opt_usage(&witness_tool, "--name, and both of --state and a log, or neither, are wanted");
	io_out_clean_on_signals();
	rc = read_secret(&k) < 0 ? -1 : note_key_make(&own, witness_name, NOTE_COSIGNATURE, k.public.bytes);
	if (rc == 0)
		rc = first == argc ? print_key(&own) : witness_log(argv[first], &own, &k);
	key_wipe(&k);
	return finish(rc);
}
