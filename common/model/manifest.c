#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "model/shard.h"

/* ---- writing ---- */

static json_t *
hex(const struct hash *h)
{
	char text[HASH_HEX];

	return json_string(hash_to_hex(h, text));
}

static json_t *
pack_file(const struct shard_file *f)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:o}", "file", f->name, "layer_first", (json_int_t)f->first, "layer_last",
	    (json_int_t)f->last, "size", (json_int_t)f->size, "sha256", hex(&f->sha256));
}

static json_t *
pack(const struct manifest_text *t)
{
	json_t *shards = json_array();

	for (uint32_t i = 0; i < t->n; i++)
		if (json_array_append_new(shards, pack_file(&t->file[i])) != 0) {
			json_decref(shards);
			return NULL;
		}
	return json_pack("{s:i, s:s, s:I, s:o, s:o, s:b, s:o}", "version", MANIFEST_VERSION, "architecture", t->hp->arch,
	    "layers", (json_int_t)t->hp->n_layers, "model_id", hex(&t->model_id), "vocab_id",
	    hash_is_none(&t->vocab_id) ? json_null() : hex(&t->vocab_id), "interleaved", !t->stock, "shards", shards);
}

int
manifest_write(FILE *to, const char *path, const struct manifest_text *t)
{
	json_t *root = pack(t);
	int rc;

	if (!root)
		return err_set(ERR_SYSTEM, "%s: out of memory", path);
	rc = json_dumpf(root, to, JSON_INDENT(2) | JSON_ENSURE_ASCII) == 0 && fputc('\n', to) != EOF ? 0 : err_sys("%s", path);
	json_decref(root);
	return rc;
}

/* ---- reading ---- */

static int
fault(const char *path, const char *what)
{
	return err_set(ERR_DATA, "%s: %s", path, what);
}

/* A plain file name: a path could lead anywhere. */
static bool
is_plain_name(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > 255 || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return false;
	return true;
}

static bool
get_count(const json_t *o, const char *key, int64_t max, uint64_t *to)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > max)
		return false;
	*to = (uint64_t)json_integer_value(v);
	return true;
}

static bool
get_hash(const json_t *o, const char *key, struct hash *to)
{
	const json_t *v = json_object_get(o, key);

	return json_is_string(v) && hash_from_hex(to, json_string_value(v), json_string_length(v));
}

/* The manifest's folder and the name. */
static char *
beside(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	size_t dir = slash ? (size_t)(slash - path) + 1 : 0, n = strlen(name) + 1;
	char *p = mem_alloc(dir + n, 1);

	if (p) {
		memcpy(p, path, dir);
		memcpy(p + dir, name, n);
	}
	return p;
}

static int
read_file(struct manifest *mf, const json_t *o, const char *path)
{
	const char *name = json_string_value(json_object_get(o, "file"));
	uint64_t first, last, size;
	uint32_t i = mf->n;

	if (!name || !is_plain_name(name))
		return fault(path, "the name of a shard is no plain file name");
	if (!get_count(o, "layer_first", MODEL_MAX_LAYERS, &first) || !get_count(o, "layer_last", MODEL_MAX_LAYERS, &last) ||
	    first >= last || first != (i ? mf->last[i - 1] : 0))
		return fault(path, "the layers of the shards don't follow one another");
	if (!get_count(o, "size", INT64_MAX, &size) || !get_hash(o, "sha256", &mf->sha256[i]))
		return fault(path, "the size or the SHA-256 of a shard is missing or wrong");
	if (!(mf->paths[i] = beside(path, name)))
		return -1;
	mf->first[i] = (uint32_t)first;
	mf->last[i] = (uint32_t)last;
	mf->size[i] = size;
	mf->n++;
	return 0;
}

static int
read_root(struct manifest *mf, const json_t *root, const char *path)
{
	const json_t *shards = json_object_get(root, "shards");
	uint64_t version, layers;

	if (!get_count(root, "version", INT32_MAX, &version))
		return fault(path, "not a manifest of shards");
	if (version != MANIFEST_VERSION)
		return err_set(ERR_DATA, "%s: a manifest of version %" PRIu64 ", %d is supported", path, version,
		    MANIFEST_VERSION);
	if (!get_hash(root, "model_id", &mf->model_id))
		return fault(path, "model_id is missing, or no SHA-256");
	if (!json_is_null(json_object_get(root, "vocab_id")) && !get_hash(root, "vocab_id", &mf->vocab_id))
		return fault(path, "vocab_id is missing, or no SHA-256");
	if (!json_is_array(shards) || json_array_size(shards) < 1 || json_array_size(shards) > MODEL_MAX_LAYERS)
		return fault(path, "no list of shards");
	if (!(mf->paths = mem_alloc(json_array_size(shards), sizeof *mf->paths)))
		return -1;
	for (size_t i = 0; i < json_array_size(shards); i++)
		if (read_file(mf, json_array_get(shards, i), path) < 0)
			return -1;
	if (!get_count(root, "layers", MODEL_MAX_LAYERS, &layers) || layers != mf->last[mf->n - 1])
		return fault(path, "the shards are not all layers of the model");
	return 0;
}

static int
load(struct manifest *mf, const char *path)
{
	struct io_map map;
	json_error_t e;
	json_t *root;
	int rc;

	*mf = (struct manifest){ 0 };
	if (io_map(&map, path) < 0)
		return -1;
	if (map.size == 0 || map.size > MANIFEST_MAX_SIZE) {
		io_unmap(&map);
		return fault(path, "not a manifest of shards");
	}
	root = json_loadb((const char *)map.data, map.size, JSON_REJECT_DUPLICATES, &e);
	io_unmap(&map);
	if (!root)
		return err_set(ERR_DATA, "%s: line %d: %s", path, e.line, e.text);
	rc = read_root(mf, root, path);
	json_decref(root);
	if (rc < 0)
		manifest_free(mf);
	return rc;
}

static int
check_file(const struct manifest *mf, uint32_t i, const char *path)
{
	struct stat st;

	if (stat(mf->paths[i], &st) != 0)
		return err_sys("%s", mf->paths[i]);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != mf->size[i])
		return err_set(ERR_DATA, "%s: the file has not the %" PRIu64 " bytes that %s states", mf->paths[i], mf->size[i], path);
	return 0;
}

int
manifest_read(struct manifest *mf, const char *path)
{
	if (load(mf, path) < 0)
		return -1;
	for (uint32_t i = 0; i < mf->n; i++)
		if (check_file(mf, i, path) < 0) {
			manifest_free(mf);
			return -1;
		}
	return 0;
}

int
manifest_find(struct hash *sha256, const char *path, const char *name)
{
	struct manifest mf;
	char *wanted;
	int found = 0;

	if (load(&mf, path) < 0)
		return -1;
	if (!(wanted = beside(path, name)))
		found = -1;
	for (uint32_t i = 0; found == 0 && i < mf.n; i++)
		if (strcmp(mf.paths[i], wanted) == 0) {
			*sha256 = mf.sha256[i];
			found = 1;
		}
	free(wanted);
	manifest_free(&mf);
	return found;
}

char *
manifest_beside(const char *path)
{
	return beside(path, MANIFEST_NAME);
}

bool
manifest_is(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	char begin[64];
	ssize_t n = 0;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = read(fd, begin, sizeof begin);
	close(fd);
	for (ssize_t i = 0; i < n; i++)
		if (!strchr(" \t\r\n", begin[i]))
			return begin[i] == '{';
	return false;
}

void
manifest_free(struct manifest *mf)
{
	for (uint32_t i = 0; i < mf->n; i++)
		free(mf->paths[i]);
	free(mf->paths);
	*mf = (struct manifest){ 0 };
}
