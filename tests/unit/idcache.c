/* Identities of whole files are kept, and only for the file as it was. */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "model/id.h"
#include "model_sample.h"
#include "tap.h"

/* The only file in the cache, or "". */
static const char *
entry(void)
{
	static char path[512];
	DIR *d = opendir(in_dir("mai/ids"));

	path[0] = '\0';
	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_name[0] != '.')
			snprintf(path, sizeof path, "%s/mai/ids/%s", dir, e->d_name);
	if (d)
		closedir(d);
	return path;
}

static void
rewrite(const char *path, const char *text, size_t n)
{
	FILE *f = fopen(path, "wb");

	if (!f || fwrite(text, 1, n, f) != n || fclose(f) != 0)
		abort();
}

/* Whether the id of m.gguf is known without hashing, and which it is. */
static bool
known(struct hash *id)
{
	struct model *m = open_in("m.gguf");
	bool is = m && model_id_known(m, id);

	model_free(m);
	return is;
}

static struct hash
computed(void)
{
	struct model *m = open_in("m.gguf");
	struct hash id;

	if (!m || model_id(m, &id) < 0)
		abort();
	model_free(m);
	return id;
}

/* Waits until the file is old enough to be kept: its change was more than two seconds ago. */
static void
settle(void)
{
	struct stat st;

	if (stat(in_dir("m.gguf"), &st) != 0)
		abort();
	while (time(NULL) < st.st_ctim.tv_sec + 2)
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
}

static void
check_kept(void)
{
	struct hash id, kept;

	sample_write(&(struct sample){ .type = TYPE_F16, .seed = 1 }, in_dir("m.gguf"));
	id = computed();
	tap_ok(!known(&kept) && !*entry(), "the id of a file that has just changed is not kept");
	settle();
	id = computed();
	tap_ok(*entry() && known(&kept) && hash_equal(&id, &kept), "that of an older file is");
}

static void
check_spoilt(void)
{
	char line[256], spoilt[256];
	struct hash id = computed(), kept;
	FILE *f = fopen(entry(), "rb");
	size_t n, refused = 0;

	if (!f || (n = fread(line, 1, sizeof line, f)) == 0)
		abort();
	fclose(f);
	for (size_t cut = 0; cut < n; cut++) {
		rewrite(entry(), line, cut);
		refused += !known(&kept);
	}
	tap_ok(refused == n, "a line that is cut is as none");
	rewrite(entry(), line, n);
	refused = 0;
	for (size_t i = 0; i < n; i++) {
		memcpy(spoilt, line, n);
		spoilt[i] = 'x';
		rewrite(entry(), spoilt, n);
		refused += !known(&kept);
	}
	tap_ok(refused == n, "a line with another character is as none");
	memcpy(spoilt, line, n);
	spoilt[n] = '\n';
	rewrite(entry(), spoilt, n + 1);
	tap_ok(!known(&kept), "a line with more behind it is as none");
	computed();
	tap_ok(known(&kept) && hash_equal(&id, &kept), "it is written anew");
}

static void
check_changed(void)
{
	struct hash id = computed(), kept, again;
	struct stat st;
	int fd;

	/* Another byte, and the old time put back: the time of change can't be. */
	if (stat(in_dir("m.gguf"), &st) != 0 || (fd = open(in_dir("m.gguf"), O_RDWR)) < 0)
		abort();
	if (pwrite(fd, "\1", 1, st.st_size - 64) != 1 || futimens(fd, (struct timespec[]){ st.st_atim, st.st_mtim }) != 0)
		abort();
	close(fd);
	tap_ok(!known(&kept), "a file that changed is not taken for the old one, though its time is the old one");
	again = computed();
	tap_ok(!hash_equal(&id, &again), "and has another id");
}

static void
check_nowhere(void)
{
	struct hash kept;

	clear(in_dir("mai/ids"));
	clear(in_dir("mai"));
	rmdir(in_dir("mai"));
	rewrite(in_dir("mai"), "", 0); /* a file where the folder would be */
	settle();
	computed();
	tap_ok(!known(&kept), "where no cache can be, none is, and nothing is said");
	unlink(in_dir("mai"));
	unsetenv("XDG_CACHE_HOME");
	unsetenv("HOME");
	computed();
	tap_ok(!known(&kept), "nor without a home");
	setenv("XDG_CACHE_HOME", "relative", 1);
	computed();
	tap_ok(!known(&kept) && access("relative", F_OK) != 0, "nor in a folder that is not absolute");
	setenv("XDG_CACHE_HOME", dir, 1);
}

int
main(void)
{
	make_dir();
	check_kept();
	check_spoilt();
	check_changed();
	check_nowhere();
	remove_dir();
	return tap_done();
}
