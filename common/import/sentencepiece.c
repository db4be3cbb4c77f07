#include "import/sentencepiece.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "base/proto.h"

enum { MODEL_PIECES = 1, MODEL_NORMALIZER = 3 };
enum { PIECE_TEXT = 1, PIECE_SCORE = 2, PIECE_TYPE = 3 };
enum { NORMALIZER_DUMMY_PREFIX = 3 };

/* SentencePiece's numbers of types are the kinds of tokens in a GGUF. */
enum { TYPE_NORMAL = TOKEN_NORMAL, TYPE_LAST = TOKEN_BYTE };

static int
add_piece(struct tokens *t, uint64_t id, struct proto piece)
{
	struct proto_field f;
	struct proto text = { 0 };
	uint64_t type = TYPE_NORMAL;
	float score = 0;
	int rc;

	while ((rc = proto_next(&piece, &f)) > 0) {
		if (f.number == PIECE_TEXT && f.is_bytes)
			text = f.bytes;
		else if (f.number == PIECE_SCORE && f.is_fixed && f.bytes.n == sizeof score)
			memcpy(&score, f.bytes.at, sizeof score);
		else if (f.number == PIECE_TYPE && !f.is_bytes && !f.is_fixed)
			type = f.value;
	}
	if (rc < 0)
		return -1;
	if (type < TYPE_NORMAL || type > TYPE_LAST || score != score)
		return err_set(ERR_DATA, "token %" PRIu64 " is of type %" PRIu64 ", or its score is none", id, type);
	return tokens_set(t, id, (const char *)text.at, text.n, (enum token_kind)type, score);
}

int
sentencepiece_count(const struct buf *model, uint64_t *n)
{
	struct proto p = { model->data, model->len };
	struct proto_field f;
	int rc;

	*n = 0;
	while ((rc = proto_next(&p, &f)) > 0)
		*n += f.number == MODEL_PIECES && f.is_bytes;
	return rc;
}

static int
read_normalizer(struct proto p, bool *space_prefix)
{
	struct proto_field f;
	int rc;

	while ((rc = proto_next(&p, &f)) > 0)
		if (f.number == NORMALIZER_DUMMY_PREFIX && !f.is_bytes && !f.is_fixed)
			*space_prefix = f.value != 0;
	return rc;
}

int
sentencepiece_tokens(const struct buf *model, struct tokens *t, bool *space_prefix)
{
	struct proto p = { model->data, model->len };
	struct proto_field f;
	uint64_t id = 0;
	int rc;

	*space_prefix = true;
	while ((rc = proto_next(&p, &f)) > 0) {
		if (f.number == MODEL_PIECES && f.is_bytes && add_piece(t, id++, f.bytes) < 0)
			return -1;
		if (f.number == MODEL_NORMALIZER && f.is_bytes && read_normalizer(f.bytes, space_prefix) < 0)
			return -1;
	}
	return rc;
}
