#include "ledger/checkpoint.h"

#include <string.h>

#include "base/err.h"
#include "trust/base64.h"

/* What is left to read, a line at a time. */
struct lines {
	const char *at;
	size_t n;
};

/* The next line without its newline, which it must have. False at the end. */
static bool
next_line(struct lines *l, const char **line, size_t *n)
{
	const char *end = memchr(l->at, '\n', l->n);

	if (!end)
		return false;
	*line = l->at;
	*n = (size_t)(end - l->at);
	l->n -= *n + 1;
	l->at = end + 1;
	return true;
}

/* Decimal, without a sign or zeros before it, of 64 bits. */
static bool
read_number(const char *text, size_t n, uint64_t *to)
{
	uint64_t v = 0;

	if (n == 0 || (n > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < n; i++)
		if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(text[i] - '0'), &v))
			return false;
	*to = v;
	return true;
}

static bool
read_hash(const char *text, size_t n, struct hash *to)
{
	return base64_decode(to->bytes, HASH_SIZE, text, n);
}

static int
put_hash(struct buf *to, const struct hash *h)
{
	return base64_add(to, h->bytes, HASH_SIZE) < 0 ? -1 : buf_addc(to, '\n');
}

/* ---- checkpoints ---- */

int
checkpoint_parse(struct checkpoint *c, const char *text, size_t n)
{
	struct lines l = { text, n };
	const char *line;
	size_t len;

	*c = (struct checkpoint){ 0 };
	if (!next_line(&l, &line, &len) || len == 0 || len >= NOTE_NAME)
		return err_set(ERR_DATA, "a checkpoint without the name of its log");
	memcpy(c->origin, line, len);
	if (!next_line(&l, &line, &len) || !read_number(line, len, &c->size))
		return err_set(ERR_DATA, "a checkpoint without a number of entries");
	if (!next_line(&l, &line, &len) || !read_hash(line, len, &c->root))
		return err_set(ERR_DATA, "a checkpoint without the hash of a tree");
	while (l.n > 0)
		if (!next_line(&l, &line, &len) || len == 0)
			return err_set(ERR_DATA, "a checkpoint with an extension line that is empty or has no end");
	return 0;
}

int
checkpoint_add(struct buf *to, const struct checkpoint *c)
{
	return buf_printf(to, "%s\n%llu\n", c->origin, (unsigned long long)c->size) < 0 ? -1 : put_hash(to, &c->root);
}

int
checkpoint_open(struct checkpoint *c, struct note *t, const char *data, size_t n, const struct note_key *log)
{
	int rc;

	if (note_parse(t, data, n) < 0 || checkpoint_parse(c, t->text, t->n) < 0)
		return -1;
	if (strcmp(c->origin, log->name) != 0)
		return err_set(ERR_DATA, "the checkpoint of another log, %s", c->origin);
	if ((rc = note_signed(t, log, NULL)) == 0)
		return err_set(ERR_DATA, "the checkpoint is not signed by its log's key");
	return rc < 0 ? -1 : 0;
}

/* ---- proofs ---- */

static const char proof_head[] = "c2sp.org/tlog-proof@v1";

static bool
begins(const char *line, size_t n, const char *word)
{
	return n >= strlen(word) && memcmp(line, word, strlen(word)) == 0;
}

int
proof_file_parse(struct proof_file *p, const char *data, size_t n)
{
	static const char extra[] = "extra ", index[] = "index ";
	static _Thread_local uint8_t ignored[PROOF_EXTRA];
	struct lines l = { data, n };
	const char *line;
	size_t len;

	p->n = 0;
	if (n > PROOF_MAX || !next_line(&l, &line, &len) || len != sizeof proof_head - 1 || !begins(line, len, proof_head))
		return err_set(ERR_DATA, "no proof: its first line is not %s", proof_head);
	if (!next_line(&l, &line, &len))
		len = 0;
	else if (begins(line, len, extra)) {
		if (base64_decode_some(ignored, sizeof ignored, line + sizeof extra - 1, len - (sizeof extra - 1)) < 0)
			return err_set(ERR_DATA, "a proof whose extra line is no base64 of at most %d bytes", PROOF_EXTRA);
		if (!next_line(&l, &line, &len))
			len = 0;
	}
	if (!begins(line, len, index) || !read_number(line + sizeof index - 1, len - (sizeof index - 1), &p->index))
		return err_set(ERR_DATA, "a proof without an index");
	for (;;) {
		if (!next_line(&l, &line, &len))
			return err_set(ERR_DATA, "a proof without a checkpoint");
		if (len == 0)
			break;
		if (p->n == MERKLE_PROOF || !read_hash(line, len, &p->proof[p->n++]))
			return err_set(ERR_DATA, "a proof with a hash that is none, or with more than %d", MERKLE_PROOF);
	}
	p->checkpoint = l.at;
	p->n_checkpoint = l.n;
	return 0;
}

int
proof_file_add(struct buf *to, const struct proof_file *p)
{
	if (buf_printf(to, "%s\nindex %llu\n", proof_head, (unsigned long long)p->index) < 0)
		return -1;
	for (size_t i = 0; i < p->n; i++)
		if (put_hash(to, &p->proof[i]) < 0)
			return -1;
	return buf_addc(to, '\n') < 0 ? -1 : buf_add(to, p->checkpoint, p->n_checkpoint);
}
