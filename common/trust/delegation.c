#include "trust/delegation.h"

#include <string.h>

#include "base/err.h"
#include "trust/peerid.h"

/* ---- what is narrower ---- */

/* Is the value, or each of its elements, one of the limit's? */
static bool
is_among(const json_t *value, const json_t *limit)
{
	const json_t *one;
	size_t i;

	if (json_equal(value, limit))
		return true;
	if (json_is_array(value)) {
		json_array_foreach(value, i, one)
			if (!is_among(one, limit))
				return false;
		return true;
	}
	json_array_foreach(limit, i, one)
		if (json_equal(value, one))
			return true;
	return false;
}

static bool
is_within(const json_t *value, const json_t *limit)
{
	if (json_is_number(limit) || json_is_number(value)) /* a bound is no choice among values */
		return json_is_number(limit) && json_is_number(value) && json_number_value(value) <= json_number_value(limit);
	return is_among(value, limit);
}

/* How often a right may be passed on. */
static double
passes(const json_t *claims)
{
	return json_number_value(json_object_get(claims, "delegate"));
}

int
delegation_narrows(const json_t *from, const json_t *to)
{
	const char *key;
	json_t *limit;

	if (!(passes(from) >= 1))
		return err_set(ERR_DATA, "a right that may not be passed on");
	if (!(passes(to) <= passes(from) - 1))
		return err_set(ERR_DATA, "'delegate' is more than is left");
	json_object_foreach((json_t *)(uintptr_t)from, key, limit) { /* the macro takes no const */
		const json_t *value = json_object_get(to, key);
		if (strcmp(key, "id") == 0 || strcmp(key, "delegate") == 0)
			continue;
		if (!value || !is_within(value, limit))
			return err_set(ERR_DATA, "'%s' is wider than what was passed on", key);
	}
	return 0;
}

/* ---- chains ---- */

static int
check_next(const struct credential *a, const struct credential *b)
{
	char did[PEERID_DID];

	if (strcmp(a->subject, peerid_did(b->issuer, did)) != 0)
		return err_set(ERR_DATA, "%s passes on what is not theirs", did);
	if (strcmp(a->type, b->type) != 0)
		return err_set(ERR_DATA, "a %s that is passed on as something else", a->type[0] ? a->type : "credential");
	if (b->from < a->from || b->until > a->until)
		return err_set(ERR_DATA, "valid for longer than what was passed on");
	return delegation_narrows(a->claims, b->claims);
}

static int
check_link(const json_t *document, int64_t now, const struct status_lists *lists, struct delegation *d)
{
	struct credential *c = &d->link[d->n];

	if (credential_check(document, now, c) < 0 || (c->status && status_check(lists, c->status, c->issuer) < 0))
		return -1;
	if (d->n > 0 && check_next(c - 1, c) < 0)
		return -1;
	d->n++;
	return 0;
}

int
delegation_check(const json_t *document, int64_t now, const struct status_lists *lists, struct delegation *d)
{
	const json_t *one;
	size_t i;

	d->n = 0;
	if (!json_is_array(document))
		return check_link(document, now, lists, d);
	if (json_array_size(document) < 1 || json_array_size(document) > DELEGATION_MAX)
		return err_set(ERR_DATA, "a chain of %zu credentials; 1 to %d are taken", json_array_size(document), DELEGATION_MAX);
	json_array_foreach(document, i, one)
		if (check_link(one, now, lists, d) < 0)
			return json_array_size(document) > 1 ? err_wrap("credential %zu", i + 1) : -1;
	return 0;
}

/* All of a chain, and one behind it. NULL with a reason. */
static json_t *
append(const json_t *document, json_t *last)
{
	json_t *all = json_array();
	int rc = !all ? -1 : json_is_array(document) ? json_array_extend(all, (json_t *)(uintptr_t)document) /* jansson takes no const */
						     : json_array_append(all, (json_t *)(uintptr_t)document);

	if (rc == 0 && json_array_append(all, last) == 0)
		return all;
	err_set(ERR_SYSTEM, "no memory");
	json_decref(all);
	return NULL;
}

json_t *
delegation_add(const json_t *document, const struct key *k, const struct credential *c, const struct status_lists *lists)
{
	struct delegation d;
	json_t *last = NULL, *all = NULL;

	if (delegation_check(document, c->from, lists, &d) == 0 && (last = credential_issue(k, c)) && (all = append(document, last)) &&
	    delegation_check(all, c->from, lists, &d) < 0) {
		json_decref(all);
		all = NULL;
	}
	json_decref(last);
	return all;
}
