/*
 * Any bytes as a bundle, as a statement, as base64 and as a public key in PEM. What is taken is as it should be, nothing verifies with a
 * key that did not sign it, and a statement that we sign is read as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "trust/base64.h"
#include "trust/oms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct key k;
static struct pubkey public;

static void
must(bool good)
{
	if (!good)
		abort();
}

static void
try_statement(const uint8_t *data, size_t size)
{
	struct oms m, again;
	struct oms_bundle b;
	struct buf text = { 0 };

	if (oms_statement(&m, data, size) < 0)
		return;
	must(m.n > 0 && m.model[0] && m.n_ignored <= OMS_IGNORED);
	for (size_t i = 0; i < m.n; i++)
		must(m.file[i].path[0] && m.file[i].path[0] != '/' && (i == 0 || strcmp(m.file[i - 1].path, m.file[i].path) < 0));
	must(oms_sign(&text, &m, &k) == 0 && oms_parse(&b, (char *)text.data, text.len) == 0 && oms_signed(&again, &b, &public) == 0);
	must(again.n == m.n && again.n_ignored == m.n_ignored && strcmp(again.model, m.model) == 0);
	for (size_t i = 0; i < m.n; i++)
		must(strcmp(m.file[i].path, again.file[i].path) == 0 && hash_equal(&m.file[i].sha256, &again.file[i].sha256));
	oms_bundle_free(&b);
	buf_free(&text);
	oms_free(&again);
	oms_free(&m);
}

static void
try_bundle(const uint8_t *data, size_t size)
{
	struct oms_bundle b;
	struct oms m;

	if (oms_parse(&b, (const char *)data, size) < 0)
		return;
	must(oms_signed(&m, &b, &public) < 0 && dsse_verify(&b.envelope, &public) < 0);
	try_statement(b.envelope.payload.data, b.envelope.payload.len);
	oms_bundle_free(&b);
}

static void
try_base64(const uint8_t *data, size_t size)
{
	struct buf bytes = { 0 }, text = { 0 }, again = { 0 };

	if (base64_read(&bytes, (const char *)data, size) == 0) {
		must(base64_add(&text, bytes.data, bytes.len) == 0 && base64_read(&again, (char *)text.data, text.len) == 0);
		must(again.len == bytes.len && (again.len == 0 || memcmp(again.data, bytes.data, again.len) == 0));
	}
	buf_free(&bytes);
	buf_free(&text);
	buf_free(&again);
}

static void
try_key(const uint8_t *data, size_t size)
{
	struct pubkey p, again;

	if (pubkey_parse(&p, (const char *)data, size) < 0)
		return;
	must(pubkey_parse(&again, p.pem, strlen(p.pem)) == 0 && strcmp(p.pem, again.pem) == 0);
	must(!pubkey_verifies(&p, data, size < 200 ? size : 200, "data", 4));
	pubkey_free(&again);
	pubkey_free(&p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!public.openssl)
		must(key_generate(&k) == 0 && pubkey_of_key(&public, k.public.bytes) == 0);
	try_bundle(data, size);
	try_statement(data, size);
	try_base64(data, size);
	try_key(data, size);
	return 0;
}
