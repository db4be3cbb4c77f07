#include "trust/status.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/opt.h"
#include "trust/base64.h"
#include "trust/credential.h"

static const char list_type[] = "BitstringStatusListCredential", bits_type[] = "BitstringStatusList", entry_type[] = "BitstringStatusListEntry";
static const char purpose[] = "revocation";

static const char *
text_in(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* ---- bits as text: multibase base64url ('u') of gzip ---- */

enum { GZIP = 16 + MAX_WBITS }; /* for zlib: with the header of gzip */

/* At most STATUS_MAX bytes, however much they would grow to. */
static int
expand(struct status_list *l, const uint8_t *packed, size_t n)
{
	z_stream z = { .next_in = (uint8_t *)(uintptr_t)packed, .avail_in = (unsigned)n }; /* zlib's next_in is not const; n < 2^32: see unpack */
	uint8_t *bits = mem_alloc(1, STATUS_MAX + 1);
	int rc;

	if (!bits)
		return -1;
	z.next_out = bits;
	z.avail_out = STATUS_MAX + 1;
	if (inflateInit2(&z, GZIP) != Z_OK) {
		free(bits);
		return err_set(ERR_SYSTEM, "no memory");
	}
	rc = inflate(&z, Z_FINISH);
	l->n = STATUS_MAX + 1 - z.avail_out;
	inflateEnd(&z);
	if (rc != Z_STREAM_END || z.avail_in > 0 || l->n < STATUS_MIN || l->n > STATUS_MAX) {
		free(bits);
		return err_set(ERR_DATA, "no list of %d to %d bytes in gzip", STATUS_MIN, STATUS_MAX);
	}
	l->bits = realloc(bits, l->n); /* smaller */
	return l->bits ? 0 : err_set(ERR_SYSTEM, "no memory");
}

static int
unpack(struct status_list *l, const char *text)
{
	size_t length = strlen(text);
	struct buf packed = { 0 };
	int rc;

	if (text[0] != 'u' || length > STATUS_MAX)
		return err_set(ERR_DATA, "the list is not base64url with a 'u' before it");
	rc = base64_read(&packed, text + 1, length - 1) < 0 ? -1 : expand(l, packed.data, packed.len);
	buf_free(&packed);
	return rc;
}

/* Gzip without a time in it: the same bits give the same text. NULL with a reason; freed by free(). */
static char *
pack(const struct status_list *l)
{
	z_stream z = { .next_in = l->bits, .avail_in = (unsigned)l->n }; /* <= STATUS_MAX */
	uint8_t *packed = NULL;
	char *text = NULL;
	size_t room;

	if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
		err_set(ERR_SYSTEM, "no memory");
		return NULL;
	}
	room = deflateBound(&z, l->n);
	if ((packed = mem_alloc(1, room))) {
		z.next_out = packed;
		z.avail_out = (unsigned)room; /* little more than STATUS_MAX */
		deflate(&z, Z_FINISH);
		room = sodium_base64_encoded_len(z.total_out, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
		if ((text = mem_alloc(1, 1 + room))) {
			text[0] = 'u';
			sodium_bin2base64(text + 1, room, packed, z.total_out, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
		}
	}
	deflateEnd(&z);
	free(packed);
	return text;
}

/* ---- lists ---- */

static void
wipe(struct status_list *l)
{
	free(l->id);
	free(l->bits);
	*l = (struct status_list){ 0 };
}

static int
read_list(struct status_list *l, const struct credential *c)
{
	if (strcmp(c->type, list_type) != 0 || strcmp(text_in(c->claims, "type"), bits_type) != 0)
		return err_set(ERR_DATA, "no %s", list_type);
	if (!c->id[0] || c->status)
		return err_set(ERR_DATA, "a list without an id, or with a status of its own");
	if (strcmp(text_in(c->claims, "statusPurpose"), purpose) != 0)
		return err_set(ERR_DATA, "a list for another purpose than %s", purpose);
	memcpy(l->issuer, c->issuer, KEY_PUBLIC);
	return (l->id = mem_strdup(c->id)) ? unpack(l, text_in(c->claims, "encodedList")) : -1;
}

int
status_add(struct status_lists *l, const json_t *document, int64_t now)
{
	struct status_list one = { 0 };
	struct credential c;

	if (credential_check(document, now, &c) < 0)
		return -1;
	if (mem_grow(&l->list, &l->cap, l->n + 1, sizeof *l->list) < 0 || read_list(&one, &c) < 0) {
		wipe(&one);
		return -1;
	}
	l->list[l->n++] = one;
	return 0;
}

void
status_free(struct status_lists *l)
{
	for (size_t i = 0; i < l->n; i++)
		wipe(&l->list[i]);
	free(l->list);
	*l = (struct status_lists){ 0 };
}

/* ---- a credential's bit ---- */

const char *
status_list_of(const json_t *status)
{
	const char *id = text_in(status, "statusListCredential");

	if (strcmp(text_in(status, "type"), entry_type) != 0 || strcmp(text_in(status, "statusPurpose"), purpose) != 0 || !id[0]) {
		err_set(ERR_DATA, "its status is no %s for %s", entry_type, purpose);
		return NULL;
	}
	return id;
}

static int
read_index(uint64_t *index, const json_t *status)
{
	const char *text = text_in(status, "statusListIndex");
	int64_t i;

	if (!opt_number(text, 0, (int64_t)STATUS_MAX * 8 - 1, &i))
		return err_set(ERR_DATA, "its status has no index that a list can have");
	*index = (uint64_t)i; /* not negative */
	return 0;
}

int
status_check(const struct status_lists *l, const json_t *status, const uint8_t issuer[KEY_PUBLIC])
{
	const char *id = status_list_of(status);
	uint64_t index = 0;

	if (!id || read_index(&index, status) < 0)
		return -1;
	for (size_t i = 0; l && i < l->n; i++) {
		const struct status_list *one = &l->list[i];
		if (strcmp(one->id, id) != 0 || memcmp(one->issuer, issuer, KEY_PUBLIC) != 0)
			continue;
		if (index >= 8 * one->n)
			return err_set(ERR_DATA, "the list of what is revoked has no entry %llu", (unsigned long long)index);
		if (one->bits[index / 8] & 0x80 >> index % 8)
			return err_set(ERR_DATA, "revoked");
		return 0;
	}
	return err_set(ERR_DATA, "may be revoked: its issuer's list %s is not given", id);
}

json_t *
status_entry(const char *id, uint64_t index)
{
	char number[24];
	json_t *o;

	snprintf(number, sizeof number, "%llu", (unsigned long long)index);
	o = json_pack("{ss++ ss ss ss ss}", "id", id, "#", number, "type", entry_type, "statusPurpose", purpose, "statusListIndex", number,
	    "statusListCredential", id);
	if (!o)
		err_set(ERR_DATA, "'%s' is no text of UTF-8", id);
	return o;
}

/* At least so many bytes; what is new is not revoked. */
static int
grow(struct status_list *l, size_t n)
{
	uint8_t *bits = n > l->n ? mem_alloc(n, 1) : l->bits;

	if (!bits)
		return -1;
	if (n > l->n) {
		if (l->n > 0)
			memcpy(bits, l->bits, l->n);
		free(l->bits);
		l->bits = bits;
		l->n = n;
	}
	return 0;
}

int
status_revoke(struct status_list *l, const json_t *status)
{
	const char *id = status_list_of(status);
	uint64_t index = 0;

	if (!id || read_index(&index, status) < 0)
		return -1;
	if (strcmp(id, l->id) != 0)
		return err_set(ERR_DATA, "its status is in the list %s, not %s", id, l->id);
	if (grow(l, index / 8 + 1 > STATUS_MIN ? index / 8 + 1 : STATUS_MIN) < 0)
		return -1;
	l->bits[index / 8] |= (uint8_t)(0x80 >> index % 8);
	return 0;
}

json_t *
status_issue(const struct key *k, const struct status_list *l, int64_t now)
{
	struct credential c = { .from = now, .until = CREDENTIAL_ALWAYS, .id = l->id, .type = list_type, .subject = "" };
	char *text = pack(l);
	json_t *o = NULL;

	if (!text)
		return NULL;
	c.claims = json_pack("{ss+ ss ss ss}", "id", l->id, "#list", "type", bits_type, "statusPurpose", purpose, "encodedList", text);
	if (c.claims)
		o = credential_issue(k, &c);
	else
		err_set(ERR_SYSTEM, "no memory");
	json_decref(c.claims);
	free(text);
	return o;
}
