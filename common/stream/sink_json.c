/*
 * Headers and frames as JSON, one object a line. Numbers are written so that they read back to the same bits: floats with
 * nine digits, those that are not finite as text, whole numbers above 2^53 as text too.
 */
#include <float.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/half.h"
#include "base/mem.h"
#include "stream/convert.h"
#include "stream/json.h"
#include "stream/setting.h"
#include "stream/sink.h"

struct json_sink {
	struct sink sink;
	FILE *out;
	struct stream_header header;
	float *row;
};

/* Names of what is not finite. */
#define NAN_BITS 0x7fc00000u

static void
put_float(FILE *out, float v)
{
	uint32_t bits = f32_bits(v);

	if ((bits & 0x7fffffff) > 0x7f800000)
		fprintf(out, bits == NAN_BITS ? "\"nan\"" : "\"nan:%08" PRIx32 "\"", bits);
	else if ((bits & 0x7fffffff) == 0x7f800000)
		fputs(bits >> 31 ? "\"-inf\"" : "\"inf\"", out);
	else if (bits == 0x80000000)
		fputs("-0.0", out);
	else
		fprintf(out, "%.9g", (double)v);
}

static void
put_number(FILE *out, const char *name, uint64_t v)
{
	fprintf(out, v > JSON_EXACT ? ",\"%s\":\"%" PRIu64 "\"" : ",\"%s\":%" PRIu64, name, v);
}

/* Text as a JSON string; bytes that are not UTF-8 as {"hex": "..."}. */
static int
put_text(FILE *out, const void *text, size_t n)
{
	json_t *s = json_stringn(text, n);

	if (!s) {
		fputs("{\"hex\":\"", out);
		for (size_t i = 0; i < n; i++)
			fprintf(out, "%02x", ((const uint8_t *)text)[i]);
		fputs("\"}", out);
		return 0;
	}
	int rc = json_dumpf(s, out, JSON_ENCODE_ANY | JSON_COMPACT);
	json_decref(s);
	return rc == 0 ? 0 : err_sys("stdout: write");
}

static void
put_id(FILE *out, const char *name, const struct hash *id)
{
	char hex[HASH_HEX];

	if (hash_is_none(id))
		fprintf(out, ",\"%s\":null", name);
	else
		fprintf(out, ",\"%s\":\"%s\"", name, hash_to_hex(id, hex));
}

static int
put_header(struct sink *s, const struct stream_header *h)
{
	struct json_sink *j = (struct json_sink *)s;
	FILE *out = j->out;

	j->header = *h;
	free(j->row);
	if (!(j->row = mem_alloc(h->width, sizeof *j->row)))
		return -1;
	fprintf(out, "{\"type\":\"header\",\"version\":%d,\"kind\":\"%s\",\"dtype\":\"%s\",\"width\":%u,\"next_layer\":%u",
	    STREAM_VERSION, stream_kind_name(h->kind), stream_dtype_name(h->dtype), h->width, h->next_layer);
	put_id(out, "vocab_id", &h->vocab_id);
	put_id(out, "model_id", &h->model_id);
	fputs(",\"profile\":", out);
	if (put_text(out, h->profile, strlen(h->profile)) < 0)
		return -1;
	fputs("}\n", out);
	return sink_flush(out);
}

static void
put_rows(struct json_sink *j, const struct frame *f)
{
	FILE *out = j->out;

	fputs(",\"rows\":[", out);
	for (uint32_t i = 0; i < f->n_rows; i++) {
		const struct row *r = &f->rows[i];
		fprintf(out, "%s{\"seq\":%u,\"pos\":%u,\"token\":", i ? "," : "", r->seq, r->pos);
		if (r->token == ROW_NO_TOKEN)
			fputs("null", out);
		else
			fprintf(out, "%u", r->token);
		fprintf(out, ",\"wanted\":%s,\"held\":%s%s", r->flags & ROW_WANTED ? "true" : "false",
		    r->flags & ROW_HELD ? "true" : "false", r->flags & ROW_DRAFT ? ",\"draft\":true" : "");
		if (f->row_bytes > 0) {
			convert_to_f32(j->row, j->header.dtype, (const uint8_t *)f->data + i * f->row_bytes, j->header.width);
			fputs(",\"data\":", out);
			for (uint32_t k = 0; k < j->header.width; k++) {
				putc(k ? ',' : '[', out);
				put_float(out, j->row[k]);
			}
			putc(']', out);
		}
		putc('}', out);
	}
	putc(']', out);
}

static void
put_sampling(FILE *out, const struct sampling *s)
{
	for (size_t i = 0; i < N_SETTINGS; i++) {
		double v = setting_get(&settings[i], s);
		fprintf(out, ",\"%s\":", settings[i].name);
		if (settings[i].whole)
			fprintf(out, "%.0f", v);
		else
			put_float(out, (float)v);
	}
	put_number(out, "seed", s->seed);
	fprintf(out, ",\"ignore_eos\":%s", s->ignore_eos ? "true" : "false");
}

static void
put_biases(FILE *out, const struct open *o)
{
	fputs(",\"logit_bias\":[", out);
	for (uint32_t i = 0; i < o->n_biases; i++) {
		fprintf(out, "%s[%u,", i ? "," : "", o->bias[i].token);
		put_float(out, o->bias[i].bias);
		putc(']', out);
	}
	putc(']', out);
}

static int
put_texts(FILE *out, const char *name, const struct open_text *text, uint32_t n)
{
	fprintf(out, ",\"%s\":[", name);
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0)
			putc(',', out);
		if (put_text(out, text[i].data, text[i].len) < 0)
			return -1;
	}
	putc(']', out);
	return 0;
}

static int
put_open(FILE *out, const struct frame *f)
{
	const struct open *o = &f->open;

	put_number(out, "ordinal", o->ordinal);
	fprintf(out, ",\"output\":\"%s\"", o->output == OUTPUT_TOKENS ? "tokens" : "rows");
	put_sampling(out, &o->sampling);
	put_biases(out, o);
	if (put_texts(out, "stop", o->stop, o->n_stops) < 0 || put_texts(out, "dry_sequence_breakers", o->breaker, o->n_breakers) < 0)
		return -1;
	fputs(",\"grammar\":", out);
	return put_text(out, o->grammar.data ? o->grammar.data : (const uint8_t *)"", o->grammar.len);
}

static int
put_frame(struct sink *s, const struct frame *f)
{
	struct json_sink *j = (struct json_sink *)s;
	FILE *out = j->out;
	int rc = 0;

	fprintf(out, "{\"type\":\"%s\",\"hops\":%u", frame_type_name(f->type), f->hops);
	switch (f->type) {
	case FRAME_ROWS:
		put_rows(j, f);
		break;
	case FRAME_OPEN:
		fprintf(out, ",\"seq\":%u", f->seq);
		rc = put_open(out, f);
		break;
	case FRAME_PROMPT_END:
		fprintf(out, ",\"seq\":%u", f->seq);
		put_number(out, "text_bytes", f->value);
		break;
	case FRAME_FORK:
		fprintf(out, ",\"seq\":%u,\"pos\":%u,\"from\":%" PRIu64, f->seq, f->pos, f->value);
		rc = f->restated ? put_open(out, f) : 0;
		break;
	case FRAME_CUT:
		fprintf(out, ",\"seq\":%u,\"pos\":%u", f->seq, f->pos);
		break;
	case FRAME_CLOSE:
		fprintf(out, ",\"seq\":%u,\"pos\":%u,\"reason\":\"%s\"", f->seq, f->pos, close_reason_name(f->reason));
		break;
	case FRAME_ERROR:
	case FRAME_RECEIPT:
	case FRAME_VOUCHER:
		fputs(",\"text\":", out);
		rc = put_text(out, f->text, f->text_len);
		break;
	case FRAME_END:
		break;
	}
	fputs("}\n", out);
	return rc < 0 ? -1 : sink_flush(out);
}

static int
finish(struct sink *s)
{
	return sink_flush(((struct json_sink *)s)->out);
}

static void
free_json(struct sink *s)
{
	free(((struct json_sink *)s)->row);
	free(s);
}

struct sink *
sink_json(FILE *out)
{
	struct json_sink *j = mem_alloc(1, sizeof *j);

	if (!j)
		return NULL;
	j->sink = (struct sink){ put_header, put_frame, finish, free_json };
	j->out = out;
	return &j->sink;
}
