/*
 * Any bytes as a record, and as a statement to be signed by a key that the seeds know. What is canonical for sure is what is made of it; a record that
 * is read is read again as itself; what is signed is read, and not with a byte more.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/record.h"
#include "trust/jcs.h"
#include "trust/jcs_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool good)
{
	if (!good)
		abort();
}

static void
try_members(const char *text, size_t n, int depth)
{
	struct jcs_member m;
	size_t at = 0;

	while (depth > 0 && jcs_next(text, n, &at, &m)) {
		must(m.from >= text && m.key > m.from && m.key + m.n_key < m.value.at && m.value.n > 0 && m.value.at + m.value.n < text + n);
		must(jcs_is_canonical(m.value.at, m.value.n));
		try_members(m.value.at, m.value.n, depth - 1);
	}
	must(depth == 0 || n < 2 || *text != '{' || at == 0 || at == n - 1);
}

static void
try_canonical(const char *text, size_t n)
{
	struct buf made = { 0 };
	json_t *value;

	if (!jcs_is_canonical(text, n))
		return;
	must((value = jcs_parse(text, n)) && jcs_add(&made, value) == 0 && made.len == n && memcmp(made.data, text, n) == 0);
	try_members(text, n, 4);
	json_decref(value);
	buf_free(&made);
}

static void
try_record(const char *text, size_t n)
{
	struct buf made = { 0 }, again = { 0 };
	struct record r, same;
	struct hash a, b;

	if (record_parse(&r, text, n, &made) == 0) {
		must(r.n <= RECORD_MAX && r.type < RECORD_TYPES && record_parse(&same, r.text, r.n, &again) == 0 && same.type == r.type && same.n == r.n);
		must(memcmp(same.text, r.text, r.n) == 0 && memcmp(same.signer, r.signer, KEY_PUBLIC) == 0 && record_check(&r) == record_check(&same));
		a = record_id(&r);
		b = record_id(&same);
		must(hash_equal(&a, &b));
	}
	buf_free(&made);
	buf_free(&again);
}

static void
try_statement(const char *text, size_t n)
{
	static const uint8_t seed[KEY_SEED];
	static struct key k;
	struct buf line = { 0 }, made = { 0 };
	struct record r;

	if (k.public.bytes[0] == 0)
		crypto_sign_seed_keypair(k.public.bytes, k.secret, seed);
	if (record_sign(&line, text, n, &k) == 0) {
		must(record_read(&r, (const char *)line.data, line.len, &made) == 0 && memcmp(r.signer, k.public.bytes, KEY_PUBLIC) == 0);
		must(r.n == line.len && memcmp(r.text, line.data, r.n) == 0 && buf_addc(&line, '1') == 0 && record_read(&r, (const char *)line.data, line.len, &made) < 0);
	}
	buf_free(&line);
	buf_free(&made);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_canonical((const char *)data, size);
	try_record((const char *)data, size);
	try_statement((const char *)data, size);
	return 0;
}
