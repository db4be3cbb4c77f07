#include "trust/keylist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "trust/base64.h"
#include "trust/peerid.h"

static const char space[] = " \t\r\n", issuer[] = "issuer";

static int
compare(const void *a, const void *b)
{
	const struct keylist_entry *x = a, *y = b;

	return memcmp(x->key.bytes, y->key.bytes, KEY_PUBLIC);
}

static int
compare_whole(const void *a, const void *b)
{
	int order = compare(a, b);

	return order ? order : memcmp(a, b, sizeof(struct keylist_entry));
}

int
keylist_parse(struct key_public *k, const char *text, size_t n)
{
	uint8_t file[2 + KEY_NUMBER + KEY_PUBLIC];
	struct peerid p;

	*k = (struct key_public){ 0 };
	if (n > 4 && memcmp(text, "did:", 4) == 0)
		return peerid_parse_did(k->bytes, text, n);
	if (n > 2 && memcmp(text, "RW", 2) == 0 && base64_decode(file, sizeof file, text, n) && memcmp(file, "Ed", 2) == 0) {
		memcpy(k->number, file + 2, KEY_NUMBER);
		memcpy(k->bytes, file + 2 + KEY_NUMBER, KEY_PUBLIC);
		return 0;
	}
	if (peerid_parse(&p, text, n) < 0)
		return -1;
	if (!peerid_key(&p))
		return err_set(ERR_DATA, "'%.*s' is the PeerId of a key that is not Ed25519", n < 100 ? (int)n : 100, text);
	memcpy(k->bytes, peerid_key(&p), KEY_PUBLIC);
	return 0;
}

static struct keylist_entry *
append(struct keylist *l, const struct key_public *k)
{
	struct keylist_entry *e;

	if (mem_grow(&l->entry, &l->cap, l->n + 1, sizeof *l->entry) < 0)
		return NULL;
	e = &l->entry[l->n++];
	*e = (struct keylist_entry){ .key = *k }; /* all bytes are compared */
	return e;
}

int
keylist_add(struct keylist *l, const struct key_public *k)
{
	if (!append(l, k))
		return -1;
	qsort(l->entry, l->n, sizeof *l->entry, compare_whole);
	return 0;
}

/* Is it all of a line? A part of one, were it a comment, would be read as another. */
static int
check_whole(const char *line, FILE *in)
{
	size_t n = strlen(line);

	if (feof(in) || (n > 0 && line[n - 1] == '\n'))
		return 0;
	return err_set(ERR_DATA, "more than %d bytes, or a NUL", KEYLIST_MAX_LINE - 1);
}

/* A line: nothing, or one more in the list. */
static int
take_line(struct keylist *l, const char *line)
{
	const char *word = line + strspn(line, " \t"), *name;
	size_t n = strcspn(word, space);
	struct keylist_entry *e;
	struct key_public k;
	bool issues = n == sizeof issuer - 1 && memcmp(word, issuer, n) == 0;

	if (n == 0 || *word == '#')
		return 0;
	if (issues) {
		word += n + strspn(word + n, space);
		n = strcspn(word, space);
	}
	if (keylist_parse(&k, word, n) < 0 || !(e = append(l, &k)))
		return -1;
	e->issuer = issues;
	name = word + n + strspn(word + n, space);
	snprintf(e->name, sizeof e->name, "%.*s", (int)strcspn(name, space), name); /* at most a line's length */
	return 0;
}

int
keylist_read(struct keylist *l, int fd, const char *path)
{
	struct keylist made = { 0 };
	char line[KEYLIST_MAX_LINE];
	FILE *in = fdopen(fd, "re");
	int number = 0, rc = 0;

	if (!in) {
		err_sys("%s", path);
		close(fd);
		return -1;
	}
	while (rc == 0 && fgets(line, sizeof line, in)) {
		number++;
		if (check_whole(line, in) < 0 || take_line(&made, line) < 0)
			rc = err_wrap("%s: line %d", path, number);
	}
	if (rc == 0 && ferror(in))
		rc = err_sys("%s", path);
	fclose(in);
	if (rc < 0) {
		keylist_free(&made);
		return -1;
	}
	if (made.n > 0)
		qsort(made.entry, made.n, sizeof *made.entry, compare_whole);
	keylist_free(l);
	*l = made;
	return 0;
}

int
keylist_load(struct keylist *l, const char *path)
{
	int fd = io_open(path);

	return fd < 0 ? -1 : keylist_read(l, fd, path);
}

static const struct keylist_entry *
find(const struct keylist *l, const uint8_t key[KEY_PUBLIC], bool issues)
{
	struct keylist_entry wanted = { 0 }, *e, *end;

	if (l->n == 0)
		return NULL;
	end = l->entry + l->n;
	memcpy(wanted.key.bytes, key, KEY_PUBLIC);
	e = bsearch(&wanted, l->entry, l->n, sizeof wanted, compare);
	while (e && e > l->entry && compare(e - 1, &wanted) == 0)
		e--;
	while (e && e < end && compare(e, &wanted) == 0 && e->issuer != issues)
		e++;
	return e && e < end && compare(e, &wanted) == 0 ? e : NULL;
}

const struct keylist_entry *
keylist_find(const struct keylist *l, const uint8_t key[KEY_PUBLIC])
{
	return find(l, key, false);
}

const struct keylist_entry *
keylist_issuer(const struct keylist *l, const uint8_t key[KEY_PUBLIC])
{
	return find(l, key, true);
}

const struct keylist_entry *
keylist_named(const struct keylist *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->entry[i].name[0] && strcmp(l->entry[i].name, name) == 0)
			return &l->entry[i];
	return NULL;
}

void
keylist_free(struct keylist *l)
{
	free(l->entry);
	*l = (struct keylist){ 0 };
}
