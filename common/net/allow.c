#include "net/allow.h"

#include <stdio.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "trust/key.h"

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct peerid));
}

/* A key in any of the three forms. */
static int
parse(struct peerid *p, const char *word, size_t n)
{
	uint8_t key[PEERID_KEY], file[2 + KEY_NUMBER + KEY_PUBLIC];
	size_t got;

	*p = (struct peerid){ 0 }; /* all bytes are compared */
	if (n > 4 && memcmp(word, "did:", 4) == 0) {
		if (peerid_parse_did(key, word, n) < 0)
			return -1;
		*p = peerid_of_key(key);
		return 0;
	}
	if (n > 2 && memcmp(word, "RW", 2) == 0 &&
	    sodium_base642bin(file, sizeof file, word, n, NULL, &got, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 && got == sizeof file &&
	    memcmp(file, "Ed", 2) == 0) {
		*p = peerid_of_key(file + 2 + KEY_NUMBER);
		return 0;
	}
	return peerid_parse(p, word, n);
}

/* Is it all of a line? A part of one, were it a comment, would be read as another. */
static int
check_whole(const char *line, FILE *in)
{
	size_t n = strlen(line);

	if (feof(in) || (n > 0 && line[n - 1] == '\n'))
		return 0;
	return err_set(ERR_DATA, "more than %d bytes, or a NUL", ALLOW_MAX_LINE - 1);
}

/* A line: nothing, or one more in the list. */
static int
take_line(struct allow *a, const char *line)
{
	const char *word = line + strspn(line, " \t");
	size_t n = strcspn(word, " \t\r\n");

	if (n == 0 || *word == '#')
		return 0;
	if (mem_grow(&a->peer, &a->cap, a->n + 1, sizeof *a->peer) < 0)
		return -1;
	return parse(&a->peer[a->n++], word, n);
}

int
allow_read(struct allow *a, int fd, const char *path)
{
	struct allow made = { 0 };
	char line[ALLOW_MAX_LINE];
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
		allow_free(&made);
		return -1;
	}
	if (made.n > 0)
		qsort(made.peer, made.n, sizeof *made.peer, compare);
	allow_free(a);
	*a = made;
	return 0;
}

bool
allow_has(const struct allow *a, const struct peerid *p)
{
	struct peerid key = { .n = p->n };

	memcpy(key.bytes, p->bytes, p->n);
	return a->n > 0 && bsearch(&key, a->peer, a->n, sizeof key, compare);
}

void
allow_free(struct allow *a)
{
	free(a->peer);
	*a = (struct allow){ 0 };
}
