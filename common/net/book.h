/*
 * book.h: the address book: a file with a line for each peer, its name and its multiaddr. Lines that begin with '#' and empty
 * ones are for people.
 */
#ifndef MAI_NET_BOOK_H
#define MAI_NET_BOOK_H

#include "net/multiaddr.h"

enum { BOOK_MAX_LINE = 1024 };

/* A multiaddr, or the one that stands behind a name in the book at `path`. 0, or -1 with a reason. */
int book_find(struct multiaddr *a, const char *text, const char *path);

#endif
