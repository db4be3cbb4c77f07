#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "text/pretokenize.h"
#include "text/special.h"
#include "text/tokens.h"
#include "text/utf8.h"

int
ids_add(struct ids *out, uint32_t id)
{
	if (out->n == out->cap && mem_grow(&out->id, &out->cap, out->n + 1, sizeof *out->id) < 0)
		return -1;
	out->id[out->n++] = id;
	return 0;
}

int
ids_add_all(struct ids *out, const uint32_t *id, size_t n)
{
	if (n > out->cap - out->n && mem_grow(&out->id, &out->cap, out->n + n, sizeof *out->id) < 0)
		return -1;
	memcpy(out->id + out->n, id, n * sizeof *id);
	out->n += n;
	return 0;
}

int
ids_add_unknown(const struct vocab *v, uint8_t byte, struct ids *out)
{
	if (v->unknown == VOCAB_NONE)
		return err_set(ERR_DATA, "the vocabulary has no token for byte 0x%02X", byte);
	return ids_add(out, v->unknown);
}

/* Well-formed text: plain runs by the algorithm, special tokens as they are. */
static int
encode_text(struct encoder *e, const char *text, size_t n, bool special, struct ids *out)
{
	const struct vocab *v = e->vocab;
	struct special_scan scan = { .v = v, .text = text, .n = n, .control = special };
	size_t begin, end;
	uint32_t id;
	bool start = true;
	int rc;

	while ((rc = special_next(&scan, &begin, &end, &id)) > 0) {
		if (id != VOCAB_NONE)
			rc = ids_add(out, id);
		else
			rc = v->algorithm->encode(e, text + begin, end - begin, start, out);
		if (rc < 0)
			break;
		start = id != VOCAB_NONE;
	}
	special_scan_free(&scan);
	return rc;
}

struct encoder *
encoder_new(const struct vocab *v)
{
	struct encoder *e = mem_alloc(1, sizeof *e);

	if (e)
		e->vocab = v;
	return e;
}

void
encoder_free(struct encoder *e)
{
	if (!e)
		return;
	splitter_free(e->splitter);
	buf_free(&e->escaped);
	merge_free(&e->merger);
	word_cache_free(&e->words);
	free(e);
}

int
encoder_run(struct encoder *e, const char *text, size_t n, struct encode_options o, struct ids *out)
{
	const struct vocab *v = e->vocab;
	struct buf clean = { 0 };
	int rc = -1;

	if (n >= UINT32_MAX)
		return err_set(ERR_DATA, "a text of %zu bytes, less than 4 GiB are allowed", n);
	if (utf8_valid(text, n) < n) {
		if (utf8_replace(&clean, text, n) < 0)
			goto done;
		text = (const char *)clean.data;
		n = clean.len;
	}
	if (o.add && v->adds_bos && ids_add(out, v->bos) < 0)
		goto done;
	if (encode_text(e, text, n, o.special, out) < 0)
		goto done;
	if (o.add && v->adds_eos && ids_add(out, v->eos) < 0)
		goto done;
	rc = 0;
done:
	buf_free(&clean);
	return rc;
}

int
vocab_encode(const struct vocab *v, const char *text, size_t n, struct encode_options o, struct ids *out)
{
	struct encoder *e = encoder_new(v);
	int rc = e ? encoder_run(e, text, n, o, out) : -1;

	encoder_free(e);
	return rc;
}
