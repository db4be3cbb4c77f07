/*
 * audit.h: a share of the sequences, chosen by chance, goes to a second replica too, from position 0: both answers must be the
 * same to the bit. When they are not, one of the two has not computed what it claims; who, is for others to find out from the
 * evidence: a file with three streams, what was sent of the sequence and both answers at the first position that differs.
 */
#ifndef MAI_NET_AUDIT_H
#define MAI_NET_AUDIT_H

#include <stdbool.h>

#include "net/hop.h"

struct audit;

struct audit_options {
	double share;        /* of the sequences: 0 to 1 */
	const char *folder;  /* for evidence */
	void (*differ)(void *arg); /* answers differ: err_reason() says whose and where the evidence is */
	void *arg;
};

/* The peers are those of the hop that is audited, which has one place. NULL with a reason. */
struct audit *audit_new(struct node *n, const struct hop_peers *peers, const struct hop_options *o, const struct audit_options *a,
    const struct hop *audited);
void audit_free(struct audit *a);

/* What goes to the audited hop, and what came from it (f32). All return 0, or -1 with a reason. */
int audit_header(struct audit *a, const struct stream_header *head);
int audit_sent(struct audit *a, const struct frame *f);
int audit_came(struct audit *a, const struct frame *f);

/* The audited hop uses another peer now, which the second one must leave. */
void audit_moved(struct audit *a);

/* Sequences of which not all is compared yet. */
size_t audit_waiting(const struct audit *a);
bool audit_full(const struct audit *a);

/* What was compared, for messages. */
uint64_t audit_rows(const struct audit *a);

#endif
