#include <stdlib.h>

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
ids_add_unknown(const struct vocab *v, uint8_t byte, struct ids *out)
{
	if (v->unknown == VOCAB_NONE)
		return err_set(ERR_DATA, "the vocabulary has no token for byte 0x%02X", byte);
	return ids_add(out, v->unknown);
}

/* Well-formed text: plain runs by the algorithm, special tokens as they are. */
static int
encode_text(const struct vocab *v, struct encoder *e, const char *text, size_t n, bool special, struct ids *out)
{
	struct special_scan scan = { .v = v, .text = text, .n = n, .control = special };
	size_t begin, end;
	uint32_t id;
	bool start = true;
	int rc;

	while ((rc = special_next(&scan, &begin, &end, &id)) > 0) {
		if (id != VOCAB_NONE)
			rc = ids_add(out, id);
		else
			rc = v->algorithm->encode(v, e, text + begin, end - begin, start, out);
		if (rc < 0)
			break;
		start = id != VOCAB_NONE;
	}
	special_scan_free(&scan);
	return rc;
}

int
vocab_encode(const struct vocab *v, const char *text, size_t n, struct encode_options o, struct ids *out)
{
	struct encoder e = { 0 };
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
	if (encode_text(v, &e, text, n, o.special, out) < 0)
		goto done;
	if (o.add && v->adds_eos && ids_add(out, v->eos) < 0)
		goto done;
	rc = 0;
done:
	splitter_free(e.splitter);
	buf_free(&e.escaped);
	merge_free(&e.merger);
	buf_free(&clean);
	return rc;
}
