/*
 * allow.h: the list of those who may come in: a file with a key a line, as PeerId, did:key, or public key of minisign
 * (RW...), and behind it whatever name helps. Lines that begin with '#' and empty ones are for people.
 */
#ifndef MAI_NET_ALLOW_H
#define MAI_NET_ALLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "trust/peerid.h"

enum { ALLOW_MAX_LINE = 1024 };

struct allow {
	struct peerid *peer; /* sorted */
	size_t n, cap;
};

/*
 * Reads a file that is open, and closes it; `path` is for reasons. What was there before stays when it can't be used. 0, or -1
 * with a reason that names the line.
 */
int allow_read(struct allow *a, int fd, const char *path);
bool allow_has(const struct allow *a, const struct peerid *p);
void allow_free(struct allow *a);

#endif
