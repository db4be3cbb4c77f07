#include "net/bill.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "ledger/record.h"

/* A receipt that no voucher has covered yet. */
struct issued {
	struct hash id;
	uint64_t rows;           /* in all, with it */
};

struct bill {
	const struct bill_options *o;
	struct meter *meter;
	uint64_t credit, paid;   /* paid: rows that vouchers cover */
	struct issued *issued;   /* the oldest first */
	size_t n, cap;
	struct buf statement, record; /* space */
	int copy;                /* of what is sent; -1: none */
};

/* One write a line: several processes may append to a file. */
static int
keep(int fd, struct buf *line, const char *what)
{
	int rc = fd < 0 ? 0 : buf_addc(line, '\n') < 0 ? -1 : io_write(fd, line->data, line->len, what);

	if (fd >= 0 && rc == 0)
		line->len--;
	return rc;
}

static int
keep_salt(const struct bill_options *o, const struct meter_about *a)
{
	struct buf line = { 0 };
	struct hash salt;
	char nonce[HASH_HEX], hex[HASH_HEX];
	int rc;

	memcpy(salt.bytes, a->salt, METER_SALT);
	rc = buf_printf(&line, "{\"nonce\":\"%s\",\"salt\":\"%s\"}", hash_to_hex(&a->nonce, nonce), hash_to_hex(&salt, hex)) < 0 ? -1 : keep(o->salts, &line, "salts");
	buf_free(&line);
	return rc;
}

/* NONCE.mai in the folder: a stream as it goes over the link. */
static int
begin_copy(struct bill *b, const struct meter_about *a)
{
	char nonce[HASH_HEX], *path;
	struct buf name = { 0 };

	hash_to_hex(&a->nonce, nonce);
	if (buf_printf(&name, "%s/%s.mai", b->o->record, nonce) < 0)
		return -1;
	path = (char *)name.data;
	if ((b->copy = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0)
		err_sys("%s", path);
	buf_free(&name);
	return b->copy < 0 ? -1 : stream_write_header(b->copy, &a->in, "record");
}

struct bill *
bill_new(const struct bill_options *o, const struct meter_about *a, uint64_t credit)
{
	struct bill *b = mem_alloc(1, sizeof *b);

	if (!b)
		return NULL;
	b->o = o;
	b->credit = credit;
	b->copy = -1;
	if ((b->meter = meter_new(a)) && keep_salt(o, a) == 0 && (!o->record || begin_copy(b, a) == 0))
		return b;
	bill_free(b);
	return NULL;
}

void
bill_free(struct bill *b)
{
	if (!b)
		return;
	if (b->copy >= 0)
		close(b->copy);
	meter_free(b->meter);
	free(b->issued);
	buf_free(&b->statement);
	buf_free(&b->record);
	free(b);
}

int
bill_sent(struct bill *b, const struct frame *f)
{
	if (b->copy >= 0 && stream_write(b->copy, f, false, "record") < 0)
		return -1;
	return meter_sent(b->meter, f);
}

int
bill_came(struct bill *b, const struct frame *f)
{
	return meter_came(b->meter, f);
}

bool
bill_is_done(const struct bill *b)
{
	return meter_is_done(b->meter);
}

/* Signs the statement and keeps the record; *f: it as a frame. */
static int
sign(struct bill *b, enum frame_type type, struct frame *f)
{
	b->record.len = 0;
	if (record_sign(&b->record, (const char *)b->statement.data, b->statement.len, b->o->key) < 0 || keep(b->o->receipts, &b->record, "receipts") < 0)
		return -1;
	*f = (struct frame){ .type = type, .text = (const char *)b->record.data, .text_len = (uint32_t)b->record.len }; /* <= STREAM_MAX_TEXT: 1 KiB or so */
	return 0;
}

static uint64_t
now(void)
{
	return (uint64_t)time(NULL); /* after 1970 */
}

/* ---- of a node ---- */

/* Receipts are due well before a client that waits for them has used its credit up. */
static bool
is_much(const struct bill *b)
{
	return meter_open(b->meter) >= (b->credit - STREAM_MAX_ROWS) / 2;
}

static int
issue(struct bill *b, uint64_t sequence, struct frame *f)
{
	struct record r = { 0 };

	b->statement.len = 0;
	if (meter_receipt(b->meter, sequence, now(), &b->statement) < 0 || sign(b, FRAME_RECEIPT, f) < 0 ||
	    mem_grow(&b->issued, &b->cap, b->n + 1, sizeof *b->issued) < 0)
		return -1;
	r.text = f->text;
	r.n = f->text_len;
	b->issued[b->n].id = record_id(&r);
	meter_receipted(b->meter, sequence, &b->issued[b->n].id);
	b->issued[b->n++].rows = meter_receipted_rows(b->meter);
	return 0;
}

int
bill_issue(struct bill *b, int (*put)(void *arg, const struct frame *f), void *arg)
{
	bool any = is_much(b);
	uint64_t sequence;
	struct frame f;

	while (meter_due(b->meter, any, &sequence))
		if (issue(b, sequence, &f) < 0 || put(arg, &f) < 0)
			return -1;
	return 0;
}

/* A voucher is the client's statement about one of the receipts, word for word. */
static int
check_voucher(struct bill *b, const struct record *r, const struct issued *e)
{
	struct buf signed_text = { 0 };
	int rc;

	b->statement.len = 0;
	rc = meter_voucher(b->meter, &e->id, e->rows, record_number(r, "time"), &b->statement) < 0 ? -1 : record_statement(r, &signed_text);
	if (rc == 0 && (signed_text.len != b->statement.len || memcmp(signed_text.data, b->statement.data, b->statement.len) != 0))
		rc = err_set(ERR_DATA, "a voucher that is not for the receipt that it names");
	buf_free(&signed_text);
	return rc;
}

int
bill_paid(struct bill *b, const struct frame *f)
{
	struct buf made = { 0 };
	struct hash id;
	struct record r;
	size_t i = 0;
	int rc = record_read(&r, f->text, f->text_len, &made);

	if (rc == 0) {
		id = record_hash(&r, "receipt");
		while (i < b->n && !hash_equal(&b->issued[i].id, &id))
			i++;
		rc = r.type != RECORD_VOUCHER || i == b->n ? err_set(ERR_DATA, "a voucher for no receipt that is open") : check_voucher(b, &r, &b->issued[i]);
	}
	if (rc == 0) {
		b->paid = b->issued[i].rows;
		memmove(b->issued, b->issued + i + 1, (b->n - i - 1) * sizeof *b->issued);
		b->n -= i + 1;
		b->record.len = 0;
		rc = buf_add(&b->record, r.text, r.n) < 0 ? -1 : keep(b->o->receipts, &b->record, "receipts");
	}
	buf_free(&made);
	return rc;
}

int
bill_check_credit(const struct bill *b)
{
	return meter_rows(b->meter) - b->paid <= b->credit ? 0 : err_set(ERR_DATA, "rows beyond the credit of %llu", (unsigned long long)b->credit);
}

uint64_t
bill_unpaid(const struct bill *b)
{
	return meter_receipted_rows(b->meter) - b->paid;
}

/* ---- of a client ---- */

/* The node's statement is the one that would have been made here. */
static int
check_receipt(struct bill *b, const struct record *r)
{
	struct buf signed_text = { 0 };
	int rc;

	b->statement.len = 0;
	rc = meter_receipt(b->meter, record_number(r, "sequence"), record_number(r, "time"), &b->statement) < 0 ? -1 : record_statement(r, &signed_text);
	if (rc == 0 && (signed_text.len != b->statement.len || memcmp(signed_text.data, b->statement.data, b->statement.len) != 0))
		rc = err_set(ERR_DATA, "a receipt for what was not sent, or did not come back");
	buf_free(&signed_text);
	return rc;
}

int
bill_receipt(struct bill *b, const struct frame *f, struct frame *voucher)
{
	struct buf made = { 0 };
	struct record r;
	struct hash id;
	int rc = record_read(&r, f->text, f->text_len, &made);

	if (rc == 0)
		rc = r.type != RECORD_RECEIPT ? err_set(ERR_DATA, "a receipt that is none") : check_receipt(b, &r);
	if (rc == 0) {
		b->record.len = 0;
		rc = buf_add(&b->record, r.text, r.n) < 0 ? -1 : keep(b->o->receipts, &b->record, "receipts");
	}
	if (rc == 0) {
		id = record_id(&r);
		meter_receipted(b->meter, record_number(&r, "sequence"), &id);
		b->paid = meter_receipted_rows(b->meter);
		b->statement.len = 0;
		rc = meter_voucher(b->meter, &id, b->paid, now(), &b->statement) < 0 ? -1 : sign(b, FRAME_VOUCHER, voucher);
	}
	buf_free(&made);
	return rc;
}

bool
bill_allows(const struct bill *b, uint64_t released, uint32_t rows)
{
	return released + rows - b->paid <= b->credit;
}
