#include "import/tensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "import/tensors_impl.h"
#include "model/model.h"
#include "model/types.h"

enum { NAME_MAX_BYTES = 1 << 10 }; /* of a tensor's name in the folder */

static int
fault(const struct part *p, const char *what)
{
	return err_set(ERR_DATA, "%s: tensor %.200s: %s", p->from->file->path, p->from->t->name, what);
}

/* ---- which tensors there are ---- */

static bool
is_beyond(const struct tensors *all, const char *own)
{
	char *end;

	return all->r->predicts_more && strncmp(own, "layers.", 7) == 0 && strtoull(own + 7, &end, 10) >= all->layers && *end == '.';
}

/* All that the recipe makes of a tensor. */
static int
add_tensor(struct tensors *all, const struct hub_tensor *from)
{
	const char *own = name_own(from->t->name);
	struct part p = { .from = from };
	bool known = false;

	if (is_beyond(all, own))
		return 0;
	for (size_t i = 0; i < RECIPE_LISTS && all->r->tensors[i]; i++)
		for (const struct recipe_tensor *rule = all->r->tensors[i]; rule->from; rule++, p.place++) {
			if (!name_matches(rule->from, own, &p.match))
				continue;
			known = true;
			if (!rule->to)
				return 0;
			if (mem_grow(&all->parts, &all->cap, all->n_parts + 1, sizeof p) < 0)
				return -1;
			p.rule = rule;
			all->parts[all->n_parts++] = p;
		}
	return known ? 0 : err_set(ERR_DATA, "%s: tensor %.200s is none that is known of architecture %s", from->file->path, from->t->name, all->r->arch);
}

static int
by_layer(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	if (x->match.layer != y->match.layer)
		return x->match.layer < y->match.layer ? -1 : 1;
	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	if (x->match.nth != y->match.nth)
		return x->match.nth < y->match.nth ? -1 : 1;
	return strcmp(x->from->t->name, y->from->t->name); /* weight and bias */
}

/* ---- what they become ---- */

static bool
is_mxfp4(const struct part *p)
{
	return p->rule->how == HOW_MXFP4 || p->rule->how == HOW_MXFP4_EVEN || p->rule->how == HOW_MXFP4_ODD;
}

int
tensors_type(const struct part *p, uint32_t *type)
{
	static const uint32_t plain[] = { TYPE_F32, TYPE_F16, TYPE_BF16 };

	*type = TYPE_MXFP4;
	if (is_mxfp4(p))
		return 0;
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		if (strcmp(p->from->t->dtype, type_info(plain[i])->name) == 0) {
			*type = plain[i];
			return 0;
		}
	return err_set(ERR_DATA, "%s: tensor %.200s is of type %s, which can't be converted", p->from->file->path, p->from->t->name, p->from->t->dtype);
}

static bool
ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), k = strlen(end);

	return n >= k && strcmp(name + n - k, end) == 0;
}

/* Other programs want these as f32, and so does model_check of vectors. */
static bool
is_f32(const char *name, uint32_t n_dims)
{
	static const char *const small[] = { "_norm.weight", "ffn_gate_inp.weight", "ffn_gate_inp_shexp.weight", "position_embd.weight", "token_types.weight",
		"ssm_conv1d.weight", "time_mix_w1.weight", "time_mix_w2.weight", "time_mix_lerp_fused.weight" };

	for (size_t i = 0; i < sizeof small / sizeof *small; i++)
		if (ends_with(name, small[i]))
			return true;
	return n_dims < 2 || !ends_with(name, ".weight");
}

/* The scales of a block stand in a tensor of their own, in the same order. */
static int
find_scales(const struct tensors *all, struct part *p)
{
	static const char blocks[] = "_blocks", scales[] = "_scales";
	const struct safetensor *t = p->from->t, *s;
	const struct hub_tensor *found;
	char name[NAME_MAX_BYTES];
	size_t n = strlen(t->name) - (sizeof blocks - 1); /* the rule's name ends so */

	if (n + sizeof scales > sizeof name)
		return fault(p, "its name is too long");
	memcpy(name, t->name, n);
	memcpy(name + n, scales, sizeof scales);
	if (!(found = hub_tensor(all->h, name)))
		return fault(p, "has no scales beside it");
	s = found->t;
	if (s->n_dims != 3 || s->bits != 8 || memcmp(s->shape, t->shape, 3 * sizeof *s->shape) != 0)
		return fault(p, "the scales beside it are of another shape");
	p->scales = s->data;
	return 0;
}

static int
make_view(const struct tensors *all, struct part *p)
{
	if (view_make(&p->view, p->rule->how, p->from->t, &all->sizes) < 0)
		return err_wrap("%s", p->from->file->path);
	return is_mxfp4(p) ? find_scales(all, p) : 0;
}

/* Parts from `first` on that are one tensor. */
static size_t
parts_of_one(const struct tensors *all, size_t first)
{
	const struct part *p = all->parts;
	size_t n = 1;

	while (name_joins(p[first].rule->from) && first + n < all->n_parts && p[first + n].place == p[first].place &&
	    p[first + n].match.layer == p[first].match.layer)
		n++;
	return n;
}

static int
check_joined(const struct made *m)
{
	const struct part *p = m->part;

	for (size_t i = 0; i < m->n; i++) {
		if (p[i].match.nth != i)
			return fault(&p[i], i ? "the one before it is missing, or there twice" : "those before it are missing");
		if (strcmp(p[i].from->t->dtype, p->from->t->dtype) != 0 || memcmp(p[i].view.ne, p->view.ne, sizeof p->view.ne) != 0)
			return fault(&p[i], "is of another shape or type than the first one");
		if (p[i].view.n_dims != p->view.n_dims || p->view.n_dims == VIEW_DIMS)
			return fault(&p[i], "has too many dimensions, or others than the first one");
	}
	return 0;
}

static int
put_made(struct gguf_writer *to, struct made *m)
{
	struct view v = m->part->view;
	char name[GGUF_MAX_NAME];
	uint64_t size;

	if (!name_made(m->part->rule->to, &m->part->match, name, sizeof name))
		return fault(m->part, "the name that it would have is too long");
	if (name_joins(m->part->rule->from)) {
		if (check_joined(m) < 0)
			return -1;
		v.ne[v.n_dims++] = m->n;
	}
	if (tensors_type(m->part, &m->type) < 0)
		return -1;
	if (m->type != TYPE_MXFP4 && is_f32(name, v.n_dims))
		m->type = TYPE_F32;
	if (!type_size(m->type, v.n_dims, v.ne, &size))
		return fault(m->part, "is too large");
	m->all->total += size;
	return gguf_put_tensor_fill(to, name, m->type, v.n_dims, v.ne, size, tensors_write, m);
}

static int
put_all(struct tensors *all, struct gguf_writer *to)
{
	for (size_t i = 0; i < all->n_parts; i++)
		if (make_view(all, &all->parts[i]) < 0)
			return -1;
	if (!(all->made = mem_alloc(all->n_parts, sizeof *all->made)))
		return -1;
	for (size_t i = 0; i < all->n_parts; i += all->made[all->n_made++].n) {
		struct made *m = &all->made[all->n_made];
		*m = (struct made){ .all = all, .part = &all->parts[i], .n = parts_of_one(all, i) };
		if (put_made(to, m) < 0)
			return -1;
	}
	return 0;
}

/* ---- all of them ---- */

/* A size within what a model may have. */
static int
size(const struct tensors *all, const char *what, double v, uint64_t most, uint64_t *to)
{
	if (!(v >= 0 && v <= (double)most))
		return err_set(ERR_DATA, "%s/config.json: %s is %g, at most %" PRIu64 " is allowed", all->h->dir, what, v, most);
	*to = (uint64_t)v;
	return 0;
}

static int
read_sizes(struct tensors *all)
{
	const json_t *s = all->h->settings;
	struct view_sizes *to = &all->sizes;

	if (size(all, "the number of layers", recipe_number(all->r, s, "block_count"), MODEL_MAX_LAYERS, &all->layers) < 0 ||
	    size(all, "the number of heads", recipe_number(all->r, s, "attention.head_count"), MODEL_MAX_HEADS, &to->heads) < 0 ||
	    size(all, "the number of key heads", recipe_number(all->r, s, "attention.head_count_kv"), MODEL_MAX_HEADS, &to->kv_heads) < 0 ||
	    size(all, "qk_nope_head_dim", json_number_value(json_object_get(s, "qk_nope_head_dim")), MODEL_MAX_DIM, &to->latent_key) < 0)
		return -1;
	return size(all, "v_head_dim", json_number_value(json_object_get(s, "v_head_dim")), MODEL_MAX_DIM, &to->latent_value);
}

struct tensors *
tensors_put(struct gguf_writer *to, const struct hub *h, const struct recipe *r)
{
	struct tensors *all = mem_alloc(1, sizeof *all);

	if (!all)
		return NULL;
	all->h = h;
	all->r = r;
	int rc = read_sizes(all);
	for (size_t i = 0; i < h->n && rc == 0; i++)
		rc = add_tensor(all, &h->tensors[i]);
	if (rc == 0 && all->n_parts > 0)
		qsort(all->parts, all->n_parts, sizeof *all->parts, by_layer);
	if (rc < 0 || put_all(all, to) < 0) {
		tensors_free(all);
		return NULL;
	}
	return all;
}

void
tensors_free(struct tensors *t)
{
	if (!t)
		return;
	free(t->made);
	free(t->parts);
	free(t);
}

/* Numbers of llama.cpp's enum llama_ftype. */
enum { FILE_F32 = 0, FILE_F16 = 1, FILE_BF16 = 32, FILE_MXFP4 = 38 };

uint32_t
tensors_file_type(const struct tensors *t)
{
	uint32_t type = FILE_F32;

	for (size_t i = 0; i < t->n_made; i++) {
		if (t->made[i].type == TYPE_MXFP4)
			return FILE_MXFP4;
		if (t->made[i].type != TYPE_F32)
			type = t->made[i].type == TYPE_F16 ? FILE_F16 : FILE_BF16;
	}
	return type;
}

void
tensors_progress(struct tensors *t, void (*progress)(void *arg, const char *what, uint64_t done, uint64_t total), void *arg)
{
	t->progress = progress;
	t->progress_arg = arg;
}
