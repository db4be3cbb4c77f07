#include "base/proto.h"

#include "base/err.h"
#include "base/uvarint.h"

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

/* A varint of protobuf: any form, of up to ten bytes. How many it took, or -1. */
static int
take_varint(uint64_t *x, const struct proto *p)
{
	*x = 0;
	for (int i = 0; i < 10 && (size_t)i < p->n; i++) {
		*x |= (uint64_t)(p->at[i] & 0x7f) << 7 * i;
		if (!(p->at[i] & 0x80))
			return i + 1;
	}
	return err_set(ERR_DATA, "a protobuf message that is cut or has a number of more than ten bytes");
}

static void
skip(struct proto *p, size_t n)
{
	p->at += n;
	p->n -= n;
}

static int
take_bytes(struct proto *p, size_t n, struct proto *to)
{
	if (n > p->n)
		return err_set(ERR_DATA, "a protobuf message that is cut: a field of %zu bytes, %zu are left", n, p->n);
	*to = (struct proto){ p->at, n };
	skip(p, n);
	return 1;
}

int
proto_next(struct proto *p, struct proto_field *f)
{
	uint64_t key, n;
	int used;

	*f = (struct proto_field){ 0 };
	if (p->n == 0)
		return 0;
	if ((used = take_varint(&key, p)) < 0)
		return -1;
	skip(p, (size_t)used);
	if (key >> 3 == 0 || key >> 3 > (1 << 29) - 1)
		return err_set(ERR_DATA, "a protobuf field of number %llu", (unsigned long long)(key >> 3));
	f->number = (uint32_t)(key >> 3); /* < 2^29 */
	f->is_fixed = (key & 7) == FIXED64 || (key & 7) == FIXED32;
	f->is_bytes = (key & 7) == BYTES;
	if (f->is_fixed)
		return take_bytes(p, (key & 7) == FIXED64 ? 8 : 4, &f->bytes);
	if ((key & 7) != VARINT && (key & 7) != BYTES)
		return err_set(ERR_DATA, "a protobuf field of type %d", (int)(key & 7));
	if ((used = take_varint(&n, p)) < 0)
		return -1;
	skip(p, (size_t)used);
	f->value = n;
	return f->is_bytes ? take_bytes(p, n, &f->bytes) : 1;
}

static int
put_varint(struct buf *to, uint64_t x)
{
	for (; x >= 0x80; x >>= 7)
		if (buf_addc(to, (uint8_t)(x & 0x7f) | 0x80) < 0)
			return -1;
	return buf_addc(to, (uint8_t)x); /* < 0x80 */
}

int
proto_put(struct buf *to, uint32_t number, const void *bytes, size_t n)
{
	if (put_varint(to, (uint64_t)number << 3 | BYTES) < 0 || put_varint(to, n) < 0)
		return -1;
	return buf_add(to, bytes, n);
}

int
proto_put_number(struct buf *to, uint32_t number, uint64_t value)
{
	return put_varint(to, (uint64_t)number << 3 | VARINT) < 0 ? -1 : put_varint(to, value);
}
