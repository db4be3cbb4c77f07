#include "train/pass_impl.h"

#include "compute/mathd.h"

/* -log p of the target, with the row of logits turned into its derivative by them, times `scale`. */
static double
loss_row(const struct pass *p, float *logits, uint32_t target, bool back, float scale)
{
	size_t n = p->net->hp.n_vocab;
	float score = logits[target];
	struct softmax_row s = p->ops->softmax(logits, n, n, 1);
	double loss = (double)s.top - (double)score - mathd_log((double)s.inverse);

	if (back) {
		logits[target] -= 1;
		p->ops->scale(logits, n, scale);
	}
	return loss;
}

double
loss_rows(struct pass *p, const uint32_t *target, size_t n, float *gradient, float scale)
{
	size_t dim = p->net->hp.dim, vocab = p->net->hp.n_vocab;
	struct matrix head = { p->net->weights.value + p->net->head, dim }, logits = { p->logits, vocab };
	double sum = 0;

	for (size_t first = 0; first < n; first += p->logit_rows) {
		size_t rows = n - first < p->logit_rows ? n - first : p->logit_rows;
		struct matrix x = { p->normed + first * dim, dim };
		blas_forward(logits, x, head, rows, vocab, dim, 0);
		for (size_t i = 0; i < rows; i++)
			sum += loss_row(p, p->logits + i * vocab, target[first + i], gradient != NULL, scale);
		if (!gradient)
			continue;
		blas_to_input(matrix(p->dnormed + first * dim, dim), logits, head, rows, vocab, dim, 0);
		if (!p->lora)
			blas_to_weights(matrix(gradient + p->net->head, dim), logits, x, rows, vocab, dim, 1);
	}
	return sum;
}
