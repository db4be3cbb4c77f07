/* How layers are dealt out to shards: -l, -b, -n. */
#include <sys/stat.h>

#include "model_sample.h"
#include "tap.h"

static void
check_lists(void)
{
	static const char *const bad[] = {
		"", ",", "0", "0-2", "0-4", "1-3", "0-1,3", "0-1,1-3", "2-3,0-1", "0-1,2-3,", "0-1,,2-3", "3-0", "0-", "-3", "a",
		"0-1 2-3", "0-1,2-99999999999999999999", "00000000000-3", "0-3x", "0-1;2-3",
	};
	struct split_plan p;
	size_t refused = 0;

	sample_write(&(struct sample){ 0 }, in_dir("m.gguf"));
	struct model *m = open_in("m.gguf");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (split_list(&p, m, bad[i]) < 0 && err_status() == ERR_USAGE)
			refused++;
		else
			tap_ok(false, "-l '%s' is refused", bad[i]);
	tap_ok(refused == sizeof bad / sizeof *bad, "lists that are not all layers in order are refused");
	tap_ok(split_list(&p, m, "0-1,2,3-3") == 0 && p.n == 3 && p.first[1] == 2 && p.last[1] == 3 && p.last[2] == 4,
	    "a list of ranges and numbers is taken");
	tap_ok(split_even(&p, m, 0) < 0 && split_even(&p, m, LAYERS + 1) < 0 && err_status() == ERR_USAGE,
	    "0 shards and more than there are layers are refused: %s", err_reason());
	model_free(m);
}

static uint64_t
size_of(const char *name)
{
	struct stat st;

	return stat(in_dir(name), &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void
check_sizes(void)
{
	struct split_plan p;
	bool fits = true, greedy = true, refused = false;

	sample_write(&(struct sample){ .type = TYPE_Q8_0 }, in_dir("m.gguf"));
	struct model *m = open_in("m.gguf");
	for (uint64_t bytes = 4096; bytes <= 131072; bytes += 4096) {
		char name[32];
		if (split_size(&p, m, bytes) < 0) {
			refused = true;
			continue;
		}
		if (shard_split(m, &p, in_dir("parts"), bytes % 8192 != 0) < 0)
			abort();
		for (uint32_t i = 0; i < p.n; i++) {
			snprintf(name, sizeof name, "parts/%u.gguf", i);
			fits = fits && size_of(name) <= bytes;
		}
		if (bytes == 131072)
			greedy = p.n == 1;
		clear(in_dir("parts"));
	}
	tap_ok(fits && greedy, "shards of -b are no larger than that, and one when one is enough");
	tap_ok(refused, "a size that no layer fits is refused");
	model_free(m);
}

static void
check_even(void)
{
	struct split_plan p;
	uint64_t most = 0, all = 0;

	sample_write(&(struct sample){ .type = TYPE_F32 }, in_dir("m.gguf"));
	struct model *m = open_in("m.gguf");
	if (split_even(&p, m, 2) < 0 || shard_split(m, &p, in_dir("parts"), true) < 0)
		abort();
	all = size_of("parts/0.gguf") + size_of("parts/1.gguf");
	most = size_of("parts/0.gguf") > size_of("parts/1.gguf") ? size_of("parts/0.gguf") : size_of("parts/1.gguf");
	tap_ok(p.n == 2 && most * 2 < all * 11 / 10, "two shards of -n are about equal");
	model_free(m);
	clear(in_dir("parts"));
}

int
main(void)
{
	make_dir();
	check_lists();
	check_sizes();
	check_even();
	remove_dir();
	return tap_done();
}
