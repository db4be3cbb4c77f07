/* The little of Protocol Buffers that libp2p takes: beside the bytes of its description, cut anywhere, and of other forms. */
#include "base/err.h"
#include "base/proto.h"
#include "vectors.h"

/* The next field of a message in hexadecimal; what is behind it is none of ours. 1, 0 or -1. */
static int
first(const char *text, struct proto_field *f)
{
	struct buf b = hex(text);
	uint8_t *exact = malloc(b.len ? b.len : 1); /* where a sanitizer sees its end */

	memcpy(exact, b.data, b.len);
	struct proto p = { exact, b.len };
	int rc = proto_next(&p, f);
	if (rc > 0 && f->is_bytes && f->bytes.n > 0)
		rc = f->bytes.at[f->bytes.n - 1] == b.data[b.len - p.n - 1] ? 1 : -2;
	free(exact);
	buf_free(&b);
	return rc;
}

static void
check_known(void)
{
	struct proto_field f;
	struct buf b = { 0 };

	/* protobuf.dev, Encoding */
	tap_ok(first("089601", &f) == 1 && f.number == 1 && !f.is_bytes && !f.is_fixed && f.value == 150, "150 as field 1");
	tap_ok(first("120774657374696e67", &f) == 1 && f.number == 2 && f.is_bytes && f.bytes.n == 7, "'testing' as field 2");
	tap_ok(proto_put_number(&b, 1, 150) == 0 && proto_put(&b, 2, "testing", 7) == 0 && is_hex(b.data, b.len, "089601120774657374696e67"),
	    "both are written so");
	b.len = 0;
	tap_ok(proto_put_number(&b, (1 << 29) - 1, UINT64_MAX) == 0 && is_hex(b.data, b.len, "f8ffffff0fffffffffffffffffff01") &&
	    first("f8ffffff0fffffffffffffffffff01", &f) == 1 && f.number == (1 << 29) - 1 && f.value == UINT64_MAX, "the largest");
	tap_ok(first("0880808000", &f) == 1 && f.value == 0 && first("888000" "05", &f) == 1 && f.number == 1 && f.value == 5,
	    "a longer number is a number");
	tap_ok(first("0d01020304", &f) == 1 && f.number == 1 && f.is_fixed && !f.is_bytes && first("090102030405060708", &f) == 1 && f.is_fixed,
	    "fields of fixed width are passed over");
	tap_ok(first("1200", &f) == 1 && f.is_bytes && f.bytes.n == 0, "no bytes are bytes");
	tap_ok(first("", &f) == 0, "an end is an end");
	buf_free(&b);
}

static void
check_bad(void)
{
	static const char *const bad[] = {
		"0001", "0200",                             /* field 0 */
		"8080808010" "01",                          /* field 2^29 */
		"0b", "0c", "0e01", "0f01",                 /* types 3, 4, 6, 7 */
		"0880", "08", "80", "088080808080808080808001", "8080808080808080808001",
		"1201", "120361" "62", "12ffffffffffffffffff01", "12ffffffffffffffff7f61", "1280808080" "1061",
		"0d010203", "0901020304050607",
	};
	struct proto_field f;
	int taken = 0;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (first(bad[i], &f) != -1) {
			tap_ok(false, "%s is refused", bad[i]);
			taken++;
		}
	tap_ok(taken == 0, "what is no field is refused: %s", err_reason());
}

/* A message ends between two fields and nowhere else. */
static void
check_cuts(void)
{
	struct buf b = hex("089601" "1203616263" "0d01020304" "090102030405060708" "1a00" "f8ffffff0f05");
	static const size_t ends[] = { 0, 3, 8, 13, 22, 24, 30 };
	size_t end = 0;
	int wrong = 0;

	for (size_t n = 0; n <= b.len; n++) {
		uint8_t *exact = malloc(n ? n : 1);
		struct proto p = { exact, n };
		struct proto_field f;
		int rc;
		memcpy(exact, b.data, n);
		while ((rc = proto_next(&p, &f)) > 0)
			;
		wrong += (rc == 0) != (n == ends[end]);
		end += n == ends[end];
		free(exact);
	}
	tap_ok(wrong == 0 && end == sizeof ends / sizeof *ends, "a message is cut nowhere but between its fields");
	buf_free(&b);
}

int
main(void)
{
	check_known();
	check_bad();
	check_cuts();
	return tap_done();
}
