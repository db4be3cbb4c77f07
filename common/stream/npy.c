#include "stream/npy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define MAGIC "\x93NUMPY"

enum { MAGIC_SIZE = 6, PREAMBLE = 10 }; /* magic, version, length in 16 bits */

static const struct {
	const char *name;
	uint32_t size;
} types[NPY_TYPES] = {
	[NPY_F2] = { "<f2", 2 }, [NPY_F4] = { "<f4", 4 }, [NPY_F8] = { "<f8", 8 }, [NPY_I4] = { "<i4", 4 },
	[NPY_U4] = { "<u4", 4 }, [NPY_I8] = { "<i8", 8 }, [NPY_U8] = { "<u8", 8 },
};

uint32_t
npy_size(enum npy_type t)
{
	return types[t].size;
}

const char *
npy_name(enum npy_type t)
{
	return types[t].name;
}

void
npy_header_pack(char to[NPY_HEADER_SIZE], const struct npy_header *h)
{
	char dict[NPY_HEADER_SIZE];
	int n = snprintf(dict, sizeof dict, "{'descr': '%s', 'fortran_order': False, 'shape': (%" PRIu64 ",", npy_name(h->type),
	    h->shape[0]);

	if (h->dims > 1)
		snprintf(dict + n, sizeof dict - (size_t)n, " %" PRIu64 "), }", h->shape[1]);
	else
		snprintf(dict + n, sizeof dict - (size_t)n, "), }");
	memset(to, ' ', NPY_HEADER_SIZE);
	memcpy(to, MAGIC "\1\0\x76\0", PREAMBLE); /* 0x76: 118 bytes follow */
	memcpy(to + PREAMBLE, dict, strlen(dict));
	to[NPY_HEADER_SIZE - 1] = '\n';
}

/* ---- the dictionary: a cursor over text that ends in a zero byte ---- */

static void
skip_space(const char **p)
{
	*p += strspn(*p, " \t\r\n");
}

/* Takes this text if it comes next. */
static bool
take(const char **p, const char *text)
{
	size_t n = strlen(text);

	skip_space(p);
	if (strncmp(*p, text, n) != 0)
		return false;
	*p += n;
	return true;
}

/* A string in either kind of quotes, without escapes. */
static bool
take_string(const char **p, char *to, size_t size)
{
	skip_space(p);
	char quote = **p;
	if (quote != '\'' && quote != '"')
		return false;
	const char *end = strchr(*p + 1, quote);
	size_t n = end ? (size_t)(end - *p - 1) : size;
	if (n >= size || memchr(*p + 1, '\\', n))
		return false;
	memcpy(to, *p + 1, n);
	to[n] = '\0';
	*p = end + 1;
	return true;
}

static bool
take_number(const char **p, uint64_t *v)
{
	skip_space(p);
	if (**p < '0' || **p > '9')
		return false;
	for (*v = 0; **p >= '0' && **p <= '9'; ++*p)
		if (!mem_mul(*v, 10, v) || !mem_add(*v, (uint64_t)(**p - '0'), v))
			return false;
	return true;
}

static int
take_descr(const char **p, struct npy_header *h)
{
	char name[16];

	if (take_string(p, name, sizeof name))
		for (int t = 0; t < NPY_TYPES; t++)
			if (strcmp(name, types[t].name) == 0) {
				h->type = (enum npy_type)t;
				return 0;
			}
	return err_set(ERR_DATA, "the elements are no little-endian numbers of 2, 4 or 8 bytes");
}

static int
take_shape(const char **p, struct npy_header *h)
{
	bool more = take(p, "(");

	h->dims = 0;
	h->shape[1] = 1;
	while (more && h->dims < 2 && take_number(p, &h->shape[h->dims])) {
		h->dims++;
		more = take(p, ",");
	}
	if (h->dims == 0 || !take(p, ")"))
		return err_set(ERR_DATA, "the array has not one or two dimensions");
	return 0;
}

/* One key and its value; *seen has a bit for each key. */
static int
take_entry(const char **p, struct npy_header *h, unsigned *seen)
{
	static const char *const keys[] = { "descr", "fortran_order", "shape" };
	char key[16];
	unsigned k = 0;

	if (!take_string(p, key, sizeof key) || !take(p, ":"))
		return err_set(ERR_DATA, "the header is no dictionary");
	while (k < 3 && strcmp(key, keys[k]) != 0)
		k++;
	if (k == 3 || (*seen & 1u << k))
		return err_set(ERR_DATA, "the header has an unknown key, or one twice");
	*seen |= 1u << k;
	if (k == 0)
		return take_descr(p, h);
	if (k == 2)
		return take_shape(p, h);
	if (!take(p, "False"))
		return err_set(ERR_DATA, "the elements lie in columns (save numpy.ascontiguousarray of it)");
	return 0;
}

static int
take_dict(struct npy_header *h, const char *p)
{
	unsigned seen = 0;

	if (!take(&p, "{"))
		return err_set(ERR_DATA, "the header is no dictionary");
	while (!take(&p, "}")) {
		if (take_entry(&p, h, &seen) < 0)
			return -1;
		if (!take(&p, ",")) {
			if (take(&p, "}"))
				break;
			return err_set(ERR_DATA, "the header is no dictionary");
		}
	}
	skip_space(&p);
	if (*p || seen != 7)
		return err_set(ERR_DATA, "the header is not complete");
	return 0;
}

int
npy_dict_unpack(struct npy_header *h, const char *dict, size_t n)
{
	char *text = mem_alloc(n + 1, 1);
	int rc;

	*h = (struct npy_header){0};
	if (!text)
		return -1;
	memcpy(text, dict, n);
	if (strlen(text) != n)
		rc = err_set(ERR_DATA, "the header holds a zero byte");
	else
		rc = take_dict(h, text);
	free(text);
	return rc;
}

int
npy_read_header(struct npy_header *h, FILE *in, const char *name)
{
	uint8_t pre[PREAMBLE + 2];
	char dict[NPY_MAX_HEADER];

	if (fread(pre, 1, PREAMBLE, in) != PREAMBLE || memcmp(pre, MAGIC, MAGIC_SIZE) != 0)
		return ferror(in) ? err_sys("%s: read", name) : err_set(ERR_DATA, "%s: not a NumPy array", name);
	size_t n = pre[8] | (size_t)pre[9] << 8;
	if (pre[MAGIC_SIZE] < 1 || pre[MAGIC_SIZE] > 3 || pre[MAGIC_SIZE + 1] != 0)
		return err_set(ERR_DATA, "%s: version %u.%u of the array format", name, pre[MAGIC_SIZE], pre[MAGIC_SIZE + 1]);
	if (pre[MAGIC_SIZE] > 1) {
		if (fread(pre + PREAMBLE, 1, 2, in) != 2)
			return err_set(ERR_DATA, "%s: the array is cut short", name);
		n |= (size_t)pre[10] << 16 | (size_t)pre[11] << 24;
	}
	if (n > sizeof dict)
		return err_set(ERR_DATA, "%s: a header of %zu bytes is too long", name, n);
	if (fread(dict, 1, n, in) != n)
		return err_set(ERR_DATA, "%s: the array is cut short", name);
	return npy_dict_unpack(h, dict, n) < 0 ? err_wrap("%s", name) : 0;
}
