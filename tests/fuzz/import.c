/*
 * Any bytes as a model's folder as Hugging Face has it: the files of `names` in order, each behind 4 bytes that say how long it is, of which the
 * last takes what is left. What is taken becomes a model that is computed: import_model looks at it before it appears.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "import/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = { "config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "model.safetensors" };
enum { FILES = sizeof names / sizeof *names };

static char folder[] = "/tmp/mai-fuzz-import-XXXXXX";
static char paths[FILES][64], out[64];

static void
clean(void)
{
	for (size_t i = 0; i < FILES; i++)
		unlink(paths[i]);
	unlink(out);
	rmdir(folder);
}

static void
begin(void)
{
	if (!mkdtemp(folder))
		abort();
	for (size_t i = 0; i < FILES; i++)
		snprintf(paths[i], sizeof paths[i], "%s/%s", folder, names[i]);
	snprintf(out, sizeof out, "%s/out.gguf", folder);
	atexit(clean);
}

/* An empty file is none. */
static void
put_file(const char *path, const uint8_t *data, size_t n)
{
	FILE *f = n > 0 ? fopen(path, "wb") : NULL;

	if (n == 0)
		unlink(path);
	else if (!f || fwrite(data, 1, n, f) != n || fclose(f) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct import i = { .dir = folder, .out = out };

	if (paths[0][0] == '\0')
		begin();
	for (size_t f = 0; f < FILES; f++) {
		uint32_t n = 0;
		if (f + 1 == FILES) {
			n = (uint32_t)size; /* of an input, which is small */
		} else if (size >= sizeof n) {
			memcpy(&n, data, sizeof n);
			data += sizeof n;
			size -= sizeof n;
			n = n < size ? n : (uint32_t)size;
		}
		put_file(paths[f], data, n);
		data += n;
		size -= n;
	}
	import_model(&i);
	return 0;
}
