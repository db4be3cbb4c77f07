#include "net/capability.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "trust/jcs.h"

/* ---- what it says ---- */

/* Is there an element of the limit, or is the limit itself, a text that `matches`? */
static bool
any(const json_t *limit, bool (*matches)(const char *text, const void *arg), const void *arg)
{
	const json_t *one;
	size_t i;

	if (json_is_string(limit))
		return matches(json_string_value(limit), arg);
	json_array_foreach(limit, i, one)
		if (json_is_string(one) && matches(json_string_value(one), arg))
			return true;
	return false;
}

static bool
is_node(const char *text, const void *key)
{
	struct key_public k;

	return keylist_parse(&k, text, strlen(text)) == 0 && memcmp(k.bytes, key, KEY_PUBLIC) == 0;
}

static bool
is_model(const char *text, const void *model)
{
	struct hash h;

	return hash_from_hex(&h, text, strlen(text)) && hash_equal(&h, model);
}

static const struct credential *
last_of(const struct capability *c)
{
	return &c->chain.link[c->chain.n - 1];
}

static int
check_claims(const struct capability *c, const struct capability_rules *r)
{
	static const char *const known[] = { "id", "node", "model", "rows", "delegate" };
	json_t *claims = last_of(c)->claims, *node = json_object_get(claims, "node"), *value;
	const char *key;
	size_t i;

	json_object_foreach(claims, key, value) {
		for (i = 0; i < sizeof known / sizeof *known && strcmp(key, known[i]) != 0; i++)
			;
		if (i == sizeof known / sizeof *known)
			return err_set(ERR_DATA, "a capability with the limit '%.64s', which is not known here", key);
	}
	return !node || any(node, is_node, r->node) ? 0 : err_set(ERR_DATA, "a capability for another node");
}

static int
check_chain(struct capability *c, const struct peerid *holder, const struct capability_rules *r, int64_t now)
{
	char did[PEERID_DID];
	const uint8_t *first, *key = peerid_key(holder);

	if (delegation_check(c->document, now, r->revoked, &c->chain) < 0)
		return -1;
	first = c->chain.link[0].issuer;
	if (strcmp(last_of(c)->type, CAPABILITY_TYPE) != 0)
		return err_set(ERR_DATA, "a credential that is no %s", CAPABILITY_TYPE);
	if (memcmp(first, r->node, KEY_PUBLIC) != 0 && !keylist_issuer(r->issuers, first))
		return err_set(ERR_DATA, "a capability by %s, which is no issuer", peerid_did(first, did));
	if (!key || strcmp(last_of(c)->subject, peerid_did(key, did)) != 0)
		return err_set(ERR_DATA, "a capability for somebody else");
	return check_claims(c, r);
}

static int
hash_links(struct capability *c)
{
	struct buf text = { 0 };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->chain.n; i++) {
		text.len = 0;
		rc = jcs_add(&text, json_is_array(c->document) ? json_array_get(c->document, i) : c->document);
		c->id[i] = hash_bytes(text.data, text.len);
	}
	buf_free(&text);
	return rc;
}

int
capability_read(struct capability *c, const struct buf *shown, const struct peerid *holder, const struct capability_rules *r, int64_t now)
{
	c->document = jcs_parse((const char *)shown->data, shown->len);
	if (c->document && check_chain(c, holder, r, now) == 0 && hash_links(c) == 0)
		return 0;
	capability_free(c);
	return -1;
}

void
capability_free(struct capability *c)
{
	json_decref(c->document);
	c->document = NULL;
}

int
capability_fits(const struct capability *c, const struct hash *model)
{
	const json_t *limit = c->document ? json_object_get(last_of(c)->claims, "model") : NULL;

	if (limit && hash_is_none(model))
		return err_set(ERR_DATA, "a capability for one model, where neither rows nor node state theirs");
	return !limit || any(limit, is_model, model) ? 0 : err_set(ERR_DATA, "a capability for another model");
}

/* ---- what has been used ---- */

/* NULL with a reason. */
static struct capability_used *
used_by(struct capability_usage *u, const struct hash *id)
{
	for (size_t i = 0; i < u->n; i++)
		if (hash_equal(&u->used[i].id, id))
			return &u->used[i];
	if (mem_grow(&u->used, &u->cap, u->n + 1, sizeof *u->used) < 0)
		return NULL;
	u->used[u->n] = (struct capability_used){ .id = *id };
	return &u->used[u->n++];
}

/* Lines of an id and a number of rows. One that is cut short is the last of a process that was killed. */
static int
read_usage(struct capability_usage *u, const char *path)
{
	struct buf text = { 0 };
	struct capability_used *e;
	struct hash id;
	int rc = io_read_all(u->fd, &text, path) < 0 || buf_addc(&text, 0) < 0 ? -1 : 0, line = 0;

	for (char *at = (char *)text.data, *end; rc == 0 && (end = strchr(at, '\n')); at = end + 1) {
		char *rest = at + HASH_HEX;
		line++;
		if (end - at <= HASH_HEX || at[HASH_HEX - 1] != ' ' || !hash_from_hex(&id, at, HASH_HEX - 1))
			rc = err_set(ERR_DATA, "%s: line %d: no id and number of rows", path, line);
		else if (!(e = used_by(u, &id)))
			rc = -1;
		else if (!mem_add(e->rows, strtoull(rest, NULL, 10), &e->rows))
			e->rows = UINT64_MAX;
	}
	buf_free(&text);
	return rc;
}

int
capability_usage_open(struct capability_usage *u, const char *path)
{
	u->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	return u->fd < 0 ? err_sys("%s", path) : read_usage(u, path);
}

void
capability_usage_close(struct capability_usage *u)
{
	if (u->fd >= 0)
		close(u->fd);
	free(u->used);
	*u = (struct capability_usage){ .fd = -1 };
}

int
capability_spend(struct capability_usage *u, const struct capability *c, uint64_t rows)
{
	struct capability_used *e;

	for (size_t i = 0; c->document && i < c->chain.n; i++) {
		const json_t *limit = json_object_get(c->chain.link[i].claims, "rows");
		if (!(e = used_by(u, &c->id[i])))
			return -1;
		if (limit && !((double)e->rows + (double)rows <= json_number_value(limit)))
			return err_set(ERR_DATA, "the %.0f rows of the capability are used up", json_number_value(limit));
	}
	for (size_t i = 0; c->document && i < c->chain.n; i++)
		used_by(u, &c->id[i])->rows += rows; /* it is there */
	return 0;
}

int
capability_note(struct capability_usage *u, const struct capability *c, uint64_t rows)
{
	char text[DELEGATION_MAX * (HASH_HEX + 32)], hex[HASH_HEX];
	int n = 0;

	if (u->fd < 0 || rows == 0 || !c->document)
		return 0;
	for (size_t i = 0; i < c->chain.n; i++)
		n += snprintf(text + n, sizeof text - (size_t)n, "%s %llu\n", hash_to_hex(&c->id[i], hex), (unsigned long long)rows); /* n fits */
	return io_write(u->fd, text, (size_t)n, "usage"); /* not negative */
}
