/* oms_impl.h: the words of bundles, and what making and reading them share. For oms*.c only. */
#ifndef MAI_TRUST_OMS_IMPL_H
#define MAI_TRUST_OMS_IMPL_H

#include "trust/oms.h"

#define OMS_MEDIA "application/vnd.dev.sigstore.bundle.v0.3+json"
#define OMS_PAYLOAD "application/vnd.in-toto+json"
#define OMS_STATEMENT "https://in-toto.io/Statement/v1"
#define OMS_PREDICATE "https://model_signing/signature/v1.0"
#define OMS_METHOD "files"
#define OMS_HASH "sha256"

/* SHA-256 of the digests of the files in their present order. */
struct hash oms_digest(const struct oms *m);

/* A descriptor of the directory, or -1 with a reason. */
int oms_open(const char *directory);

/* Adds all files that are there and not left out. 0, or -1 with a reason. */
int oms_find(struct oms *m, const char *directory);

/* Sorts the files. 0, or -1 with a reason when there is none, or one twice. */
int oms_sort(struct oms *m);

#endif
