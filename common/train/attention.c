/*
 * Attention of whole sequences, PASS_QUERIES queries of a head at a time against the keys up to the last of them.
 * Scores are made again on the way back from the two numbers that softmax left of each row.
 */
#include "train/pass_impl.h"

#include <string.h>

/* One head of one sequence: rows of q, k, v and of what belongs to them, with the strides of the whole. */
struct head {
	size_t size;                   /* of a head */
	struct matrix q, k, v, out;
	struct matrix dq, dk, dv, dout; /* on the way back */
	struct softmax_row *softmax;
	size_t softmax_ld;
};

/* Head h of the sequence whose first row is `row`. */
static struct head
head(const struct pass *p, const struct kept *kept, size_t row, uint32_t h)
{
	const struct net *n = p->net;
	size_t size = n->hp.head_dim, ld = net_qkv_rows(n), q_ld = net_q_rows(n);
	size_t q = row * ld + h * size, k = row * ld + q_ld + h / (n->hp.n_heads / n->hp.n_kv_heads) * size;
	size_t v = k + net_kv_rows(n), out = row * q_ld + h * size;

	return (struct head){
		.size = size,
		.q = { kept->qkv + q, ld }, .k = { kept->qkv + k, ld }, .v = { kept->qkv + v, ld },
		.dq = { p->dqkv + q, ld }, .dk = { p->dqkv + k, ld }, .dv = { p->dqkv + v, ld },
		.out = { kept->attended + out, q_ld }, .dout = { p->dattended + out, q_ld },
		.softmax = kept->softmax + row * n->hp.n_heads + h, .softmax_ld = n->hp.n_heads,
	};
}

static struct matrix
from_row(struct matrix m, size_t row)
{
	m.at += row * m.ld;
	return m;
}

/* scores[queries][keys] = q k^T, not scaled. */
static void
scores_of(struct pass *p, const struct head *h, size_t first, size_t queries, size_t keys)
{
	blas_forward(matrix(p->scores, p->context), from_row(h->q, first), h->k, queries, keys, h->size, 0);
}

static void
head_forward(struct pass *p, const struct head *h)
{
	for (size_t first = 0; first < p->context; first += PASS_QUERIES) {
		size_t queries = p->context - first < PASS_QUERIES ? p->context - first : PASS_QUERIES, keys = first + queries;
		scores_of(p, h, first, queries, keys);
		for (size_t i = 0; i < queries; i++)
			h->softmax[(first + i) * h->softmax_ld] =
			    p->ops->softmax(p->scores + i * p->context, first + i + 1, keys, p->attention_scale);
		blas_to_input(from_row(h->out, first), matrix(p->scores, p->context), h->v, queries, keys, h->size, 0);
	}
}

void
attention_forward(struct pass *p, const struct kept *k, size_t n)
{
	for (size_t row = 0; row < n; row += p->context)
		for (uint32_t i = 0; i < p->net->hp.n_heads; i++) {
			const struct head h = head(p, k, row, i);
			head_forward(p, &h);
		}
}

/* Scores of one row to the gradient of scores, in p->dscores. sum(p dp) is dout . out. */
static void
row_back(struct pass *p, const struct head *h, size_t i, size_t row, size_t keys)
{
	float *s = p->scores + i * p->context, *d = p->dscores + i * p->context;
	float sum = p->ops->dot(h->dout.at + row * h->dout.ld, h->out.at + row * h->out.ld, h->size);

	p->ops->softmax_again(s, row + 1, keys, p->attention_scale, h->softmax[row * h->softmax_ld]);
	p->ops->softmax_back(d, s, keys, sum, p->attention_scale);
}

static void
head_back(struct pass *p, const struct head *h)
{
	const struct matrix scores = { p->scores, p->context }, dscores = { p->dscores, p->context };

	for (size_t first = 0; first < p->context; first += PASS_QUERIES) {
		size_t queries = p->context - first < PASS_QUERIES ? p->context - first : PASS_QUERIES, keys = first + queries;
		scores_of(p, h, first, queries, keys);
		blas_forward(dscores, from_row(h->dout, first), h->v, queries, keys, h->size, 0);
		for (size_t i = 0; i < queries; i++)
			row_back(p, h, i, first + i, keys);
		blas_to_weights(h->dv, scores, from_row(h->dout, first), queries, keys, h->size, 1);
		blas_to_weights(h->dk, dscores, from_row(h->q, first), queries, keys, h->size, 1);
		blas_to_input(from_row(h->dq, first), dscores, h->k, queries, keys, h->size, 0);
	}
}

void
attention_back(struct pass *p, const struct kept *k, size_t n)
{
	memset(p->dqkv, 0, n * net_qkv_rows(p->net) * sizeof *p->dqkv);
	for (size_t row = 0; row < n; row += p->context)
		for (uint32_t i = 0; i < p->net->hp.n_heads; i++) {
			const struct head h = head(p, k, row, i);
			head_back(p, &h);
		}
}
