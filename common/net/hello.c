#include "net/hello.h"

#include <string.h>

#include "base/err.h"
#include "base/proto.h"
#include "base/uvarint.h"

enum { VERSION = 1, SEQUENCES = 2, FRAMES = 3, BACK = 4, CHAIN = 5, PLACE = 6, FORWARDED = 7, TERMS = 8, CREDIT = 9, SALT = 10 };

static int
pack_chain(struct buf *to, const struct hello *h)
{
	if (h->chain.len == 0)
		return 0;
	if (proto_put(to, CHAIN, h->chain.data, h->chain.len) < 0 || proto_put_number(to, PLACE, h->place) < 0)
		return -1;
	return proto_put_number(to, FORWARDED, h->forwarded);
}

static int
pack_hash(struct buf *to, uint32_t number, const struct hash *h)
{
	return hash_is_none(h) ? 0 : proto_put(to, number, h->bytes, HASH_SIZE);
}

static int
pack_bill(struct buf *to, const struct hello *h)
{
	if (pack_hash(to, TERMS, &h->terms) < 0 || pack_hash(to, SALT, &h->salt) < 0)
		return -1;
	return h->credit > 0 ? proto_put_number(to, CREDIT, h->credit) : 0;
}

int
hello_pack(struct buf *to, const struct hello *h)
{
	struct buf message = { 0 };
	uint8_t size[UVARINT_MAX];
	int rc = -1;

	if (proto_put_number(&message, VERSION, HELLO_VERSION) == 0 && proto_put_number(&message, SEQUENCES, h->sequences) == 0 &&
	    proto_put_number(&message, FRAMES, h->frames) == 0 && proto_put_number(&message, BACK, (uint64_t)h->back) == 0 && pack_chain(&message, h) == 0 && pack_bill(&message, h) == 0 &&
	    buf_add(to, size, uvarint_put(size, message.len)) == 0)
		rc = buf_add(to, message.data, message.len);
	buf_free(&message);
	return rc;
}

static uint32_t
capped(uint64_t x)
{
	return x < UINT32_MAX ? (uint32_t)x : UINT32_MAX;
}

static int
unpack(struct hello *h, struct proto p)
{
	struct proto_field f;
	uint64_t version = 0;
	int rc;

	while ((rc = proto_next(&p, &f)) > 0) {
		if (f.is_bytes && f.number == CHAIN && h->chain.len == 0 && buf_add(&h->chain, f.bytes.at, f.bytes.n) < 0)
			return -1;
		if (f.is_bytes && f.bytes.n == HASH_SIZE && (f.number == TERMS || f.number == SALT))
			memcpy(f.number == TERMS ? h->terms.bytes : h->salt.bytes, f.bytes.at, HASH_SIZE);
		if (f.is_bytes || f.is_fixed)
			continue;
		if (f.number == VERSION)
			version = f.value;
		else if (f.number == SEQUENCES)
			h->sequences = capped(f.value);
		else if (f.number == FRAMES)
			h->frames = capped(f.value);
		else if (f.number == BACK)
			h->back = (enum stream_dtype)capped(f.value);
		else if (f.number == PLACE)
			h->place = capped(f.value);
		else if (f.number == CREDIT)
			h->credit = f.value;
		else if (f.number == FORWARDED)
			h->forwarded = f.value != 0;
	}
	if (rc == 0 && version != HELLO_VERSION)
		return err_set(ERR_DATA, "the peer speaks version %llu of %s", (unsigned long long)version, HELLO_PROTOCOL);
	if (rc == 0 && !stream_dtype_name(h->back))
		return err_set(ERR_DATA, "the peer wants hidden states of type %u", (unsigned)h->back);
	return rc;
}

ssize_t
hello_unpack(struct hello *h, const uint8_t *data, size_t n)
{
	uint64_t size;
	int used = uvarint_get(&size, data, n);

	*h = (struct hello){ 0 };
	if (used <= 0)
		return used;
	if (size > HELLO_MAX)
		return err_set(ERR_DATA, "a first message of %llu bytes", (unsigned long long)size);
	if (n - (size_t)used < size)
		return 0;
	if (unpack(h, (struct proto){ data + used, size }) < 0) {
		hello_free(h);
		return -1;
	}
	return (ssize_t)((size_t)used + size); /* <= HELLO_MAX + 9 */
}

void
hello_free(struct hello *h)
{
	buf_free(&h->chain);
}
