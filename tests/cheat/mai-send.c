/*
 * A mai-send that cheats: linked with --wrap, so that what the library calls is what stands here. MAI_CHEAT says how:
 *
 *	twice    the node's receipts say twice the rows
 *	old      the node's receipts after the first are the first again
 *	other    the node's receipts are about another answer
 *	less     the client's vouchers say one row less
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "net/meter.h"

int __real_meter_receipt(const struct meter *m, uint64_t sequence, uint64_t time, struct buf *to);
int __wrap_meter_receipt(const struct meter *m, uint64_t sequence, uint64_t time, struct buf *to);
int __real_meter_voucher(const struct meter *m, const struct hash *id, uint64_t rows, uint64_t time, struct buf *to);
int __wrap_meter_voucher(const struct meter *m, const struct hash *id, uint64_t rows, uint64_t time, struct buf *to);

static bool
cheats(const char *how)
{
	const char *wanted = getenv("MAI_CHEAT");

	return wanted && strcmp(wanted, how) == 0;
}

/* The number behind a key, times `by`. */
static int
multiply(struct buf *to, const char *key, uint64_t by)
{
	char *at = memmem(to->data, to->len, key, strlen(key)), *end;
	struct buf rest = { 0 };
	uint64_t n;
	int rc;

	if (!at || buf_addc(to, 0) < 0)
		return -1;
	at = memmem(to->data, to->len, key, strlen(key)); /* it may have moved */
	n = strtoull(at + strlen(key), &end, 10);
	rc = buf_add(&rest, end, (size_t)((char *)to->data + to->len - 1 - end));
	to->len = (size_t)(at + strlen(key) - (char *)to->data);
	rc = rc < 0 || buf_printf(to, "%llu", (unsigned long long)(n * by)) < 0 ? -1 : buf_add(to, rest.data, rest.len);
	buf_free(&rest);
	return rc;
}

static int
again(struct buf *to)
{
	static struct buf first;

	if (first.len == 0)
		return buf_add(&first, to->data, to->len);
	to->len = 0;
	return buf_add(to, first.data, first.len);
}

int
__wrap_meter_receipt(const struct meter *m, uint64_t sequence, uint64_t time, struct buf *to)
{
	static const char output[] = "\"output\":\"";
	int rc = __real_meter_receipt(m, sequence, time, to);
	char *at = rc < 0 ? NULL : memmem(to->data, to->len, output, sizeof output - 1);

	if (rc == 0 && cheats("twice"))
		rc = multiply(to, "\"rows\":", 2);
	if (rc == 0 && cheats("old"))
		rc = again(to);
	if (at && cheats("other"))
		at[sizeof output - 1] = at[sizeof output - 1] == '0' ? '1' : '0';
	return rc;
}

int
__wrap_meter_voucher(const struct meter *m, const struct hash *id, uint64_t rows, uint64_t time, struct buf *to)
{
	return __real_meter_voucher(m, id, cheats("less") ? rows - 1 : rows, time, to);
}
