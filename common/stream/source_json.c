/* JSON lines, as sink_json writes them, to frames. Keys may be left out where a default makes sense; unknown ones may not. */
#include <float.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/half.h"
#include "base/mem.h"
#include "stream/convert.h"
#include "stream/setting.h"
#include "stream/sink.h"
#include "stream/wire.h"

struct source {
	const char *name;
	unsigned long line;
	struct sink *to;
	struct stream_header header;
	size_t row_bytes;
	bool in_stream;

	struct row row[STREAM_MAX_ROWS];
	struct buf data; /* the rows' elements, in the stream's type */
	float *f32;      /* one row */
	struct buf text; /* texts given in hexadecimal */
	struct logit_bias bias[STREAM_MAX_BIASES];
};

/* ---- values ---- */

static int
wrong(const char *key, const char *what)
{
	return err_set(ERR_DATA, "\"%s\" is not %s", key, what);
}

/* Refuses keys that are none of `known`, a list with a space before and behind each. */
static int
check_keys(json_t *o, const char *known)
{
	const char *key;
	char spaced[40];
	json_t *v;

	json_object_foreach(o, key, v) {
		snprintf(spaced, sizeof spaced, " %.36s ", key);
		if (strlen(key) > 36 || strchr(key, ' ') || !strstr(known, spaced))
			return err_set(ERR_DATA, "unknown key \"%.40s\"", key);
	}
	return 0;
}

/* A whole number, or one written as text; `otherwise` where there is none. */
static int
get_number(json_t *o, const char *key, uint64_t max, uint64_t otherwise, uint64_t *to)
{
	json_t *v = json_object_get(o, key);
	const char *text = json_string_value(v);

	*to = otherwise;
	if (!v)
		return 0;
	if (json_is_integer(v) && json_integer_value(v) >= 0)
		*to = (uint64_t)json_integer_value(v);
	else if (text && json_string_length(v) > 0 && json_string_length(v) <= 20 &&
	    strspn(text, "0123456789") == json_string_length(v)) {
		*to = 0;
		for (; *text; text++)
			if (!mem_mul(*to, 10, to) || !mem_add(*to, (uint64_t)(*text - '0'), to))
				return wrong(key, "a number in its range");
	} else
		return wrong(key, "a whole number");
	return *to <= max ? 0 : wrong(key, "a number in its range");
}

static int
get_u32(json_t *o, const char *key, uint32_t *to)
{
	uint64_t v;

	if (get_number(o, key, UINT32_MAX, 0, &v) < 0)
		return -1;
	*to = (uint32_t)v;
	return 0;
}

static int
get_bool(json_t *o, const char *key, bool *to)
{
	json_t *v = json_object_get(o, key);

	*to = json_is_true(v);
	return !v || json_is_boolean(v) ? 0 : wrong(key, "true or false");
}

/* A number, or the name of what is no finite one. */
static bool
is_float(json_t *v, float *to)
{
	const char *text = json_string_value(v);
	char *end;

	if (json_is_number(v)) {
		double d = json_number_value(v);
		/* half of a last place above the largest float and more would round to infinity */
		if (d >= 0x1.ffffffp127 || d <= -0x1.ffffffp127)
			return false;
		*to = (float)d;
		return true;
	}
	if (!text)
		return false;
	if (strcmp(text, "inf") == 0 || strcmp(text, "-inf") == 0)
		*to = f32_from_bits(text[0] == '-' ? 0xff800000 : 0x7f800000);
	else if (strcmp(text, "nan") == 0)
		*to = f32_from_bits(0x7fc00000);
	else if (strncmp(text, "nan:", 4) == 0 && strspn(text + 4, "0123456789abcdef") == 8 && strlen(text) == 12) {
		uint32_t bits = (uint32_t)strtoul(text + 4, &end, 16);
		*to = f32_from_bits(bits);
		return (bits & 0x7fffffff) > 0x7f800000;
	} else
		return false;
	return true;
}

static int
get_float(json_t *o, const char *key, float otherwise, float *to)
{
	json_t *v = json_object_get(o, key);

	*to = otherwise;
	return !v || is_float(v, to) ? 0 : wrong(key, "a number");
}

static int
get_id(json_t *o, const char *key, struct hash *to)
{
	json_t *v = json_object_get(o, key);

	*to = (struct hash){0};
	if (!v || json_is_null(v))
		return 0;
	if (!json_is_string(v) || !hash_from_hex(to, json_string_value(v), json_string_length(v)))
		return wrong(key, "null or 64 hexadecimal digits");
	return 0;
}

/* ---- header ---- */

static int
take_header(struct source *s, json_t *o)
{
	struct stream_header *h = &s->header;
	uint64_t version, width;

	*h = (struct stream_header){0};
	if (s->in_stream)
		return err_set(ERR_DATA, "a header before the end of the stream");
	if (check_keys(o, " type version kind dtype width next_layer vocab_id model_id profile ") < 0 ||
	    get_number(o, "version", UINT32_MAX, STREAM_VERSION, &version) < 0 ||
	    get_number(o, "width", STREAM_MAX_WIDTH, 0, &width) < 0 || get_u32(o, "next_layer", &h->next_layer) < 0 ||
	    get_id(o, "vocab_id", &h->vocab_id) < 0 || get_id(o, "model_id", &h->model_id) < 0)
		return -1;
	const char *kind = json_string_value(json_object_get(o, "kind"));
	const char *dtype = json_object_get(o, "dtype") ? json_string_value(json_object_get(o, "dtype")) : "f32";
	const char *profile = json_object_get(o, "profile") ? json_string_value(json_object_get(o, "profile")) : "";
	if (version != STREAM_VERSION)
		return err_set(ERR_DATA, "version %" PRIu64 " of the stream format, not %d", version, STREAM_VERSION);
	if (!kind || !stream_kind_named(kind, &h->kind))
		return wrong("kind", "a kind of stream");
	if (!dtype || !stream_dtype_named(dtype, &h->dtype))
		return wrong("dtype", "an element type");
	if (!profile || strlen(profile) >= sizeof h->profile)
		return wrong("profile", "a text of at most 127 bytes");
	memcpy(h->profile, profile, strlen(profile));
	h->width = (uint32_t)width;
	s->row_bytes = (size_t)stream_row_bytes(h->dtype, h->width);

	/* The rules of the format, before rows are sized by the width. */
	struct buf packed = {0};
	int rc = stream_encode_header(&packed, h);
	buf_free(&packed);
	free(s->f32);
	s->f32 = NULL;
	if (rc < 0 || !(s->f32 = mem_alloc(h->width, sizeof *s->f32)))
		return -1;
	s->in_stream = true;
	return s->to->header(s->to, h);
}

/* ---- frames ---- */

static int
take_data(struct source *s, json_t *data)
{
	size_t width = s->header.width;

	if (!json_is_array(data) || json_array_size(data) != width)
		return err_set(ERR_DATA, "\"data\" is not an array of %zu numbers", width);
	for (size_t i = 0; i < width; i++)
		if (!is_float(json_array_get(data, i), &s->f32[i]))
			return err_set(ERR_DATA, "element %zu of \"data\" is not a number", i);
	if (buf_reserve(&s->data, s->row_bytes) < 0)
		return -1;
	if (!convert_from_f32(s->data.data + s->data.len, s->header.dtype, s->f32, width))
		return err_set(ERR_DATA, "\"data\" can't be held in %s", stream_dtype_name(s->header.dtype));
	s->data.len += s->row_bytes;
	return 0;
}

static int
take_row(json_t *o, struct row *r)
{
	json_t *token = json_object_get(o, "token");
	bool wanted, held, draft;

	if (!json_is_object(o))
		return err_set(ERR_DATA, "a row is not an object");
	*r = (struct row){ .token = ROW_NO_TOKEN };
	if (check_keys(o, " seq pos token wanted held draft data ") < 0 || get_u32(o, "seq", &r->seq) < 0 ||
	    get_u32(o, "pos", &r->pos) < 0 || get_bool(o, "wanted", &wanted) < 0 || get_bool(o, "held", &held) < 0 ||
	    get_bool(o, "draft", &draft) < 0)
		return -1;
	if (token && !json_is_null(token) && get_u32(o, "token", &r->token) < 0)
		return -1;
	r->flags = (wanted ? ROW_WANTED : 0) | (held ? ROW_HELD : 0) | (draft ? ROW_DRAFT : 0);
	return 0;
}

static int
take_rows(struct source *s, json_t *o, struct frame *f)
{
	json_t *rows = json_object_get(o, "rows");
	size_t n = json_array_size(rows), with = 0;

	if (check_keys(o, " type hops rows ") < 0)
		return -1;
	if (!json_is_array(rows) || n > STREAM_MAX_ROWS)
		return err_set(ERR_DATA, "\"rows\" is not an array of at most %d rows", STREAM_MAX_ROWS);
	s->data.len = 0;
	for (size_t i = 0; i < n; i++) {
		json_t *row = json_array_get(rows, i), *data = json_object_get(row, "data");
		if (take_row(row, &s->row[i]) < 0 || (data && take_data(s, data) < 0))
			return err_wrap("row %zu", i);
		with += data != NULL;
	}
	if (with != 0 && with != n)
		return err_set(ERR_DATA, "some rows have \"data\" and some have not");
	f->n_rows = (uint32_t)n;
	f->rows = s->row;
	f->data = s->data.data;
	f->row_bytes = with ? s->row_bytes : 0;
	return 0;
}

/* A text of at most `max` bytes: a string, or {"hex": "..."}, whose bytes go to s->text, where there is room for all texts of a frame. */
static int
take_text(struct source *s, const char *key, json_t *v, size_t max, struct open_text *to)
{
	const char *hex = json_string_value(json_object_get(v, "hex"));
	size_t n = json_is_string(v) ? 2 * json_string_length(v) : hex ? strlen(hex) : 1;

	if (n % 2 != 0 || n / 2 > max || (hex && strspn(hex, "0123456789abcdefABCDEF") != n))
		return err_set(ERR_DATA, "\"%s\" is not a text of at most %zu bytes", key, max);
	if (json_is_string(v)) {
		*to = (struct open_text){ (const uint8_t *)json_string_value(v), (uint32_t)(n / 2) };
		return 0;
	}
	*to = (struct open_text){ s->text.data + s->text.len, (uint32_t)(n / 2) };
	for (size_t i = 0; i < n; i += 2) {
		char digits[3] = { hex[i], hex[i + 1] };
		s->text.data[s->text.len++] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return 0;
}

static int
take_texts(struct source *s, json_t *o, const char *key, size_t max, size_t max_len, struct open_text *to, uint32_t *n)
{
	json_t *list = json_object_get(o, key);

	if ((list && !json_is_array(list)) || json_array_size(list) > max)
		return err_set(ERR_DATA, "\"%s\" is not a list of at most %zu texts", key, max);
	*n = (uint32_t)json_array_size(list);
	for (uint32_t i = 0; i < *n; i++)
		if (take_text(s, key, json_array_get(list, i), max_len, &to[i]) < 0)
			return -1;
	return 0;
}

/* [token, bias] pairs; a token whose bias is false is never chosen. */
static int
take_biases(struct source *s, json_t *list, struct open *to)
{
	if ((list && !json_is_array(list)) || json_array_size(list) > STREAM_MAX_BIASES)
		return err_set(ERR_DATA, "\"logit_bias\" is not a list of at most %d pairs", STREAM_MAX_BIASES);
	to->bias = s->bias;
	to->n_biases = (uint32_t)json_array_size(list);
	for (uint32_t i = 0; i < to->n_biases; i++) {
		json_t *pair = json_array_get(list, i), *token = json_array_get(pair, 0), *bias = json_array_get(pair, 1);
		s->bias[i] = (struct logit_bias){ 0, -INFINITY };
		if (json_array_size(pair) != 2 || !json_is_integer(token) || json_integer_value(token) < 0 ||
		    json_integer_value(token) > UINT32_MAX || (!json_is_false(bias) && !is_float(bias, &s->bias[i].bias)))
			return wrong("logit_bias", "a list of pairs of a token and a number or false");
		s->bias[i].token = (uint32_t)json_integer_value(token);
	}
	return 0;
}

static int
take_sampling(json_t *o, struct sampling *to)
{
	*to = sampling_none;
	for (size_t i = 0; i < N_SETTINGS; i++) {
		const struct setting *t = &settings[i];
		uint64_t whole = 0;
		float v = (float)setting_get(t, to);
		if (t->whole ? get_number(o, t->name, (uint64_t)t->max, 0, &whole) < 0 : get_float(o, t->name, v, &v) < 0)
			return -1;
		setting_set(t, to, t->whole ? (double)whole : (double)v);
	}
	if (get_number(o, "seed", UINT64_MAX, 0, &to->seed) < 0)
		return -1;
	return get_bool(o, "ignore_eos", &to->ignore_eos);
}

/* `own`: the keys that the frame has besides. */
static int
check_open_keys(json_t *o, const char *own)
{
	char known[512];
	size_t n = 0;

	for (size_t i = 0; i < N_SETTINGS; i++)
		n += (size_t)snprintf(known + n, sizeof known - n, " %s", settings[i].name);
	snprintf(known + n, sizeof known - n, "%sordinal output seed ignore_eos logit_bias stop dry_sequence_breakers grammar ", own);
	return check_keys(o, known);
}

static int
take_open(struct source *s, json_t *o, const char *own, struct frame *f)
{
	struct open *to = &f->open;
	json_t *grammar = json_object_get(o, "grammar"), *output = json_object_get(o, "output");
	const char *name = output ? json_string_value(output) : "rows";

	if (check_open_keys(o, own) < 0 || get_u32(o, "seq", &f->seq) < 0 || get_number(o, "ordinal", UINT64_MAX, f->seq, &to->ordinal) < 0)
		return -1;
	if (!name || (strcmp(name, "rows") != 0 && strcmp(name, "tokens") != 0))
		return wrong("output", "\"rows\" or \"tokens\"");
	to->output = strcmp(name, "tokens") == 0 ? OUTPUT_TOKENS : OUTPUT_ROWS;
	if (take_sampling(o, &to->sampling) < 0 || take_biases(s, json_object_get(o, "logit_bias"), to) < 0 ||
	    take_texts(s, o, "stop", STREAM_MAX_STOPS, STREAM_MAX_TEXT, to->stop, &to->n_stops) < 0 ||
	    take_texts(s, o, "dry_sequence_breakers", STREAM_MAX_BREAKERS, STREAM_MAX_BREAKER, to->breaker, &to->n_breakers) < 0)
		return -1;
	return grammar ? take_text(s, "grammar", grammar, STREAM_MAX_GRAMMAR, &to->grammar) : 0;
}

/* With "output" it says what it wants. */
static int
take_fork(struct source *s, json_t *o, struct frame *f)
{
	const char *own = " type hops seq pos from ";

	f->restated = json_object_get(o, "output") != NULL;
	if ((f->restated ? take_open(s, o, own, f) : check_keys(o, own)) < 0)
		return -1;
	return get_number(o, "from", UINT32_MAX, 0, &f->value);
}

static int
take_close(json_t *o, struct frame *f)
{
	const char *reason = json_string_value(json_object_get(o, "reason"));

	if (!reason || !close_reason_named(reason, &f->reason))
		return wrong("reason", "a reason to close a sequence");
	return check_keys(o, " type hops seq pos reason ");
}

static int
take_error(struct source *s, json_t *o, struct frame *f)
{
	struct open_text text;

	if (take_text(s, "text", json_object_get(o, "text"), STREAM_MAX_TEXT, &text) < 0)
		return -1;
	f->text = (const char *)text.data;
	f->text_len = text.len;
	return check_keys(o, " type hops text ");
}

static int
take_frame(struct source *s, json_t *o, enum frame_type type)
{
	struct frame f = { .type = type };
	int rc = 0;

	if (!s->in_stream)
		return err_set(ERR_DATA, "a frame before the header of the stream");
	if (get_u32(o, "hops", &f.hops) < 0)
		return -1;
	s->text.len = 0;
	switch (type) {
	case FRAME_ROWS:
		rc = take_rows(s, o, &f);
		break;
	case FRAME_OPEN:
		rc = take_open(s, o, " type hops seq ", &f);
		break;
	case FRAME_PROMPT_END:
		rc = check_keys(o, " type hops seq text_bytes ");
		rc = rc < 0 ? rc : get_number(o, "text_bytes", UINT64_MAX, 0, &f.value);
		break;
	case FRAME_FORK:
		rc = take_fork(s, o, &f);
		break;
	case FRAME_CUT:
		rc = check_keys(o, " type hops seq pos ");
		break;
	case FRAME_CLOSE:
		rc = take_close(o, &f);
		break;
	case FRAME_ERROR:
	case FRAME_RECEIPT:
	case FRAME_VOUCHER:
		rc = take_error(s, o, &f);
		break;
	case FRAME_END:
		rc = check_keys(o, " type hops ");
		break;
	}
	if (rc < 0 || get_u32(o, "seq", &f.seq) < 0 || get_u32(o, "pos", &f.pos) < 0)
		return -1;
	s->in_stream = type != FRAME_END && type != FRAME_ERROR;
	return s->to->frame(s->to, &f);
}

/* ---- lines ---- */

static int
take_line(struct source *s, const char *line, size_t n)
{
	json_error_t why;
	json_t *o;
	enum frame_type type;
	int rc;

	if (strspn(line, " \t\r\n") == n)
		return 0;
	o = json_loadb(line, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
	if (!o)
		return err_set(ERR_DATA, "no JSON: %s", why.text);
	const char *name = json_string_value(json_object_get(o, "type"));
	if (!name)
		rc = err_set(ERR_DATA, "an object without a \"type\"");
	else if (strcmp(name, "header") == 0)
		rc = take_header(s, o);
	else if (frame_type_named(name, &type))
		rc = take_frame(s, o, type);
	else
		rc = err_set(ERR_DATA, "unknown type \"%.40s\"", name);
	json_decref(o);
	return rc;
}

int
source_json(FILE *in, const char *name, struct sink *to)
{
	struct source *s = mem_alloc(1, sizeof *s);
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int rc;

	if (!s)
		return -1;
	s->name = name;
	s->to = to;
	rc = buf_reserve(&s->text, WIRE_MAX_OPEN);
	while (rc == 0 && (n = getline(&line, &cap, in)) >= 0) {
		s->line++;
		if ((rc = take_line(s, line, (size_t)n)) < 0 && err_status() == ERR_DATA)
			err_wrap("%s: line %lu", name, s->line);
	}
	if (rc == 0 && ferror(in))
		rc = err_sys("%s: read", name);
	if (rc == 0 && s->in_stream)
		rc = err_set(ERR_DATA, "%s: line %lu: the stream was cut", name, s->line);
	free(line);
	free(s->f32);
	buf_free(&s->data);
	buf_free(&s->text);
	free(s);
	return rc;
}
