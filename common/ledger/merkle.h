/*
 * merkle.h: hash trees that only grow (RFC 6962, 2.1; RFC 9162, 2.1), and what proves that they do.
 *
 * A tree of n leaves has a root; who has it is shown by a few hashes that a leaf is in it, or that an older tree is its beginning.
 */
#ifndef MAI_LEDGER_MERKLE_H
#define MAI_LEDGER_MERKLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

enum { MERKLE_PROOF = 64 }; /* hashes of a proof, at most */

struct hash merkle_leaf(const void *data, size_t n);
struct hash merkle_node(const struct hash *left, const struct hash *right);
struct hash merkle_empty(void); /* the root of no leaves */

/* Is this the proof that leaf `index` of a tree of `size` leaves with this root has that hash? 0, or -1 with a reason. */
int merkle_check_inclusion(uint64_t index, uint64_t size, const struct hash *leaf, const struct hash *proof, size_t n, const struct hash *root);

/* Is this the proof that the tree of `size2` leaves begins with that of `size1`, which is not 0 unless both are? 0, or -1 with a reason. */
int merkle_check_consistency(uint64_t size1, uint64_t size2, const struct hash *root1, const struct hash *root2, const struct hash *proof, size_t n);

/* ---- making proofs, from wherever the tree is ---- */

/* Gives the root of the 2^height leaves from number `index` * 2^height on, which are all there. 0, or -1 with a reason. */
typedef int merkle_get(void *arg, unsigned height, uint64_t index, struct hash *to);

/* The root of the first `size` leaves; a proof of inclusion, or of consistency, and its length *n. 0, or -1 with a reason. */
int merkle_root(merkle_get *get, void *arg, uint64_t size, struct hash *to);
int merkle_inclusion(merkle_get *get, void *arg, uint64_t index, uint64_t size, struct hash proof[MERKLE_PROOF], size_t *n);
int merkle_consistency(merkle_get *get, void *arg, uint64_t size1, uint64_t size2, struct hash proof[MERKLE_PROOF], size_t *n);

#endif
