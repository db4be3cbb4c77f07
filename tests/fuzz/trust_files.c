/*
 * Any bytes as a signature of minisign or signify, as a key and as a list of keys. What is taken holds what it may, and the bytes
 * as they are written again are read as the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "trust/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool good)
{
	if (!good)
		abort();
}

/* A file of these bytes, to be read from its beginning. */
static int
file_of(const uint8_t *data, size_t size)
{
	int fd = memfd_create("input", MFD_CLOEXEC);

	must(fd >= 0 && io_write(fd, data, size, "input") == 0 && lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

static void
try_signature(const uint8_t *data, size_t size)
{
	static struct signature s, again;
	static char path[64];
	struct keylist l = { 0 };
	struct key_public k = { 0 };

	if (signature_parse(&s, (const char *)data, size) < 0)
		return;
	must(strlen(s.comment) < sizeof s.comment && strlen(s.trusted) < sizeof s.trusted && (s.commented || !s.hashed));
	if (s.commented) {
		snprintf(path, sizeof path, "/tmp/mai-fuzz-%d", (int)getpid());
		must(signature_write(&s, path) == 0 && signature_read(&again, path) == 0 && memcmp(&s, &again, sizeof s) == 0);
		unlink(path);
	}
	memcpy(k.number, s.number, KEY_NUMBER);
	must(keylist_add(&l, &k) == 0 && !signature_signer(&s, "/dev/null", &l)); /* a key of zeros signs nothing */
	keylist_free(&l);
}

static void
try_list(const uint8_t *data, size_t size)
{
	struct keylist l = { 0 };

	if (keylist_read(&l, file_of(data, size), "input") == 0)
		for (size_t i = 0; i < l.n; i++) {
			const struct keylist_entry *e = keylist_find(&l, l.entry[i].key.bytes);
			must(e && memcmp(e->key.bytes, l.entry[i].key.bytes, KEY_PUBLIC) == 0 && strlen(e->name) < sizeof e->name);
			must(!l.entry[i].name[0] || keylist_named(&l, l.entry[i].name));
		}
	keylist_free(&l);
}

static void
try_key(const uint8_t *data, size_t size)
{
	static char path[64];
	struct key_public k;
	int fd = file_of(data, size);

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	key_read_public(&k, path);
	close(fd);
	keylist_parse(&k, (const char *)data, size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_signature(data, size);
	try_list(data, size);
	try_key(data, size);
	return 0;
}
