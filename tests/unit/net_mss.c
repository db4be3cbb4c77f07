/* multistream-select beside the bytes of js-libp2p: who offers, who answers, and what must not pass; cut at every byte. */
#include "base/err.h"
#include "net/mss.h"
#include "vectors.h"

/* As they are in the session that js-libp2p recorded. */
#define HEADER "132f6d756c746973747265616d2f312e302e300a"
#define NOISE "072f6e6f6973650a"
#define YAMUX "0d2f79616d75782f312e302e300a"
#define NA "036e610a"

static const char *const noise[] = { "/noise" }, *const three[] = { "/mai/stream/1.0.0", "/yamux/1.0.0", "/noise" };

/* Takes bytes in hexadecimal. What it returns; *used, and what is answered. */
static int
hears(struct mss *m, const char *text, size_t *used, struct buf *out)
{
	struct buf b = hex(text);
	int rc;

	out->len = 0;
	rc = mss_take(m, b.data, b.len, used, out);
	buf_free(&b);
	return rc;
}

static bool
says(const struct buf *out, const char *text)
{
	return is_hex(out->data, out->len, text);
}

/* The beginning of a session that js-libp2p recorded: what was sent, and what came in two pieces. */
static void
check_recorded(void)
{
	json_t *session = vectors_json("libp2p/transcript-ext.json");
	const char *text[3];
	struct mss m;
	struct buf out = { 0 }, came;
	size_t used;

	if (!session)
		return;
	for (size_t i = 0; i < 3; i++)
		text[i] = json_string_value(json_array_get(json_array_get(json_object_get(session, "io"), i), 1));
	mss_begin(&m, true, noise, 1, &out);
	tap_ok(text[0] && says(&out, text[0]), "what an initiator sends is what js-libp2p was sent");
	out.len = 0;
	came = hex(text[1] ? text[1] : "");
	tap_ok(mss_take(&m, came.data, came.len, &used, &out) == 0 && used == 0, "a piece of its answer is not enough");
	struct buf more = hex(text[2] ? text[2] : "");
	if (buf_add(&came, more.data, more.len) < 0)
		abort();
	tap_ok(mss_take(&m, came.data, came.len, &used, &out) == 1 && used == came.len && out.len == 0, "all of it is");
	buf_free(&out);
	buf_free(&came);
	buf_free(&more);
	json_decref(session);
}

static void
check_responder(void)
{
	struct mss m;
	struct buf out = { 0 };
	size_t used;

	tap_ok(mss_begin(&m, false, noise, 1, &out) == 0 && says(&out, HEADER), "a responder says the header");
	tap_ok(hears(&m, HEADER, &used, &out) == 0 && used == 20 && says(&out, ""), "hears it");
	tap_ok(hears(&m, NOISE, &used, &out) == 1 && used == 8 && m.at == 0 && says(&out, NOISE), "and agrees by the name");

	out.len = 0;
	mss_begin(&m, false, noise, 1, &out);
	tap_ok(hears(&m, HEADER NOISE "0020abcd", &used, &out) == 1 && used == 28 && says(&out, NOISE), "also at once; what is behind is not taken");

	mss_begin(&m, false, three, 3, &out);
	tap_ok(hears(&m, HEADER "046162630a" "036c730a" "010a", &used, &out) == 0 && used == 31 && says(&out, NA NA NA), "others are declined, nothing too");
	tap_ok(hears(&m, YAMUX NOISE, &used, &out) == 1 && used == 14 && m.at == 1 && says(&out, YAMUX), "the first that is known is agreed on");
	mss_begin(&m, false, three, 3, &out);
	tap_ok(hears(&m, HEADER "062f6e6f69730a" "082f6e6f6973652f0a" "072f4e6f6973650a" "082f6e6f697365000a", &used, &out) == 0 && says(&out, NA NA NA NA),
	    "a beginning, more, another case, a NUL: not the name");
	tap_ok(hears(&m, HEADER, &used, &out) == 0 && says(&out, NA), "nor is the header");
	buf_free(&out);
}

static void
check_initiator(void)
{
	struct mss m;
	struct buf out = { 0 };
	size_t used;

	tap_ok(mss_begin(&m, true, noise, 1, &out) == 0 && says(&out, HEADER NOISE), "an initiator says the header and its offer at once");
	tap_ok(hears(&m, HEADER, &used, &out) == 0 && used == 20 && says(&out, ""), "hears the header");
	tap_ok(hears(&m, NOISE "0020", &used, &out) == 1 && used == 8 && m.at == 0 && says(&out, ""), "and its name: agreed");

	out.len = 0;
	mss_begin(&m, true, three, 3, &out);
	tap_ok(hears(&m, HEADER NA, &used, &out) == 0 && used == 24 && m.at == 1 && says(&out, YAMUX), "declined, it makes its next offer");
	tap_ok(hears(&m, NA, &used, &out) == 0 && m.at == 2 && says(&out, NOISE), "and the last");
	tap_ok(hears(&m, NOISE, &used, &out) == 1 && m.at == 2 && says(&out, ""), "that may be agreed on");
	out.len = 0;
	mss_begin(&m, true, three, 3, &out);
	tap_ok(hears(&m, HEADER NA NA NA, &used, &out) == -1 && err_status() == ERR_DATA && strstr(err_reason(), "/noise"), "else it ends: %s", err_reason());
	mss_begin(&m, true, three, 3, &out);
	tap_ok(hears(&m, HEADER NA NOISE, &used, &out) == -1, "an offer that was not made yet is no answer: %s", err_reason());
	mss_begin(&m, true, three, 3, &out);
	tap_ok(hears(&m, HEADER HEADER, &used, &out) == -1, "nor is the header again: %s", err_reason());
	buf_free(&out);
}

/* ---- what must not pass ---- */

static const struct {
	const char *what, *bytes, *why;
} bad[] = {
	{ "an offer before the header", NOISE, "/multistream" }, { "\"na\" before it", NA, "/multistream" },
	{ "another version", "132f6d756c746973747265616d2f312e302e310a", "/multistream" },
	{ "a shorter header", "112f6d756c746973747265616d2f312e300a", "/multistream" }, { "nothing as header", "010a", "/multistream" },
	{ "HTTP", "474554202f20485454502f312e310d0a0d0a", NULL }, { "a message of 0 bytes", "00", "0 bytes" },
	{ "of 1025", "8108", "1025 bytes" }, { "of 2^63 - 1", "ffffffffffffffff7f", "9223372036854775807" },
	{ "of 2^64", "80808080808080808002", "varint" }, { "a longer length than need be", "9300" "2f6d756c746973747265616d2f312e302e300a", "varint" },
	{ "no newline", "132f6d756c746973747265616d2f312e302e3020", "newline" }, { "a message of 0 bytes behind the header", HEADER "00", "0 bytes" },
	{ "one of 1025 behind it", HEADER "8108", "1025 bytes" }, { "no newline behind it", HEADER "072f6e6f69736520", "newline" },
};

static void
check_bad(void)
{
	struct mss m;
	struct buf out = { 0 };
	size_t used;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		for (int initiator = 0; initiator < 2; initiator++) {
			mss_begin(&m, initiator, three, 3, &out);
			int rc = hears(&m, bad[i].bytes, &used, &out);
			tap_ok(bad[i].why ? rc == -1 && strstr(err_reason(), bad[i].why) : rc <= 0, "%s, to the %s: %s", bad[i].what,
			    initiator ? "initiator" : "responder", err_reason());
		}
	buf_free(&out);
}

/* A message of n bytes in all, newline counted. */
static void
put(struct buf *b, size_t n)
{
	buf_addc(b, (uint8_t)(n & 0x7f) | 0x80);
	buf_addc(b, (uint8_t)(n >> 7));
	for (size_t i = 1; i < n; i++)
		buf_addc(b, 'x');
	buf_addc(b, '\n');
}

static void
check_limits(void)
{
	struct buf b = hex(HEADER), out = { 0 };
	struct mss m;
	size_t used;
	char longest[MSS_MAX];
	const char *const name[] = { longest };

	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	put(&b, MSS_MAX);
	mss_begin(&m, false, noise, 1, &out);
	out.len = 0;
	tap_ok(mss_take(&m, b.data, b.len, &used, &out) == 0 && used == b.len && says(&out, NA), "a message of %d bytes is taken", MSS_MAX);
	mss_begin(&m, false, name, 1, &out);
	tap_ok(mss_take(&m, b.data, b.len, &used, &out) == 1 && used == b.len, "and may be agreed on");

	mss_begin(&m, false, noise, 1, &out);
	hears(&m, HEADER, &used, &out);
	bool good = true;
	for (int i = 0; i < MSS_MAX_OFFERS; i++)
		good &= hears(&m, "0261" "0a", &used, &out) == 0 && says(&out, NA);
	tap_ok(good, "%d offers are declined", MSS_MAX_OFFERS);
	struct mss before = m;
	tap_ok(hears(&m, "0261" "0a", &used, &out) == -1 && says(&out, ""), "one more ends it: %s", err_reason());
	tap_ok(hears(&before, NOISE, &used, &out) == 1 && before.at == 0, "but may be agreed on");
	buf_free(&b);
	buf_free(&out);
}

/* ---- cuts ---- */

/* What a side hears in pieces of these sizes, the rest kept, as its owner does. */
static bool
in_pieces(bool initiator, const struct buf *all, size_t first, size_t step, size_t want_at, const char *want)
{
	struct mss m;
	struct buf have = { 0 }, out = { 0 };
	size_t used, at = 0, some = first;
	int rc = 0;
	bool good = true;

	mss_begin(&m, initiator, three, 3, &out);
	out.len = 0;
	for (; rc == 0 && at < all->len; at += some, some = step) {
		some = some < all->len - at ? some : all->len - at;
		uint8_t *exact = malloc(have.len + some); /* a sanitizer sees its end */
		if (have.len > 0)
			memcpy(exact, have.data, have.len);
		memcpy(exact + have.len, all->data + at, some);
		buf_add(&have, all->data + at, some);
		rc = mss_take(&m, exact, have.len, &used, &out);
		good &= used <= have.len && (rc > 0) <= (used > 0);
		buf_shift(&have, used);
		free(exact);
	}
	good &= rc == 1 && m.at == want_at && says(&out, want) && have.len + (all->len - at) == 2; /* what is behind */
	buf_free(&have);
	buf_free(&out);
	return good;
}

static void
check_cuts(void)
{
	struct buf offers = hex(HEADER "046162630a" YAMUX "beef"), answers = hex(HEADER NA YAMUX "beef");
	int wrong = 0;

	for (size_t cut = 1; cut < offers.len; cut++)
		wrong += !in_pieces(false, &offers, cut, offers.len, 1, NA YAMUX) + !in_pieces(false, &offers, cut, cut, 1, NA YAMUX);
	for (size_t cut = 1; cut < answers.len; cut++)
		wrong += !in_pieces(true, &answers, cut, answers.len, 1, YAMUX) + !in_pieces(true, &answers, cut, cut, 1, YAMUX);
	tap_ok(wrong == 0, "messages may be cut anywhere");
	buf_free(&offers);
	buf_free(&answers);
}

/* Two sides, with names in common or without. */
static void
check_both(void)
{
	static const char *const names[] = { "/a/1", "/b/1", "/c/1", "/d/1" };
	int wrong = 0;

	for (size_t offers = 1; offers <= 4; offers++)
		for (size_t first = 0; first < 4; first++) {
			struct mss m[2];
			struct buf to[2] = { { 0 } };
			int rc[2] = { 0 };
			size_t used;
			mss_begin(&m[0], true, names, offers, &to[1]);
			mss_begin(&m[1], false, names + first, 4 - first, &to[0]);
			for (int k = 1; to[k].len > 0 && rc[k] == 0; k = 1 - k) {
				rc[k] = mss_take(&m[k], to[k].data, to[k].len, &used, &to[1 - k]);
				buf_shift(&to[k], used);
			}
			if (offers > first) /* the first of the offers that the other knows */
				wrong += rc[0] != 1 || rc[1] != 1 || m[0].at != first || m[1].at != 0;
			else
				wrong += rc[0] != -1 || rc[1] != 0;
			buf_free(&to[0]);
			buf_free(&to[1]);
		}
	tap_ok(wrong == 0, "two sides agree on the first offer that both know, or on none");
}

int
main(void)
{
	check_recorded();
	check_responder();
	check_initiator();
	check_bad();
	check_limits();
	check_cuts();
	check_both();
	return tap_done();
}
