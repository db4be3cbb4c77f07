/* The Noise handshake and its messages beside the vectors of others, and what must not pass: every bit, cut and order. */
#include "base/err.h"
#include "net/noise.h"
#include "vectors.h"

/* ---- vectors ---- */

/* Of cacophony, one of noise/noise-xx-ik-25519-chachapoly-sha256.json. */
static const char known[] = "{\"init_prologue\":\"4a6f686e2047616c74\","
    "\"init_static\":\"e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1\","
    "\"init_ephemeral\":\"893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a\","
    "\"resp_prologue\":\"4a6f686e2047616c74\","
    "\"resp_static\":\"4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893\","
    "\"resp_ephemeral\":\"bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b\","
    "\"handshake_hash\":\"c8e5f64e846193be2a834104c2a009868d6c9f3bd3c186299888b488b2f1f58e\",\"messages\":["
    "{\"payload\":\"4c756477696720766f6e204d69736573\",\"ciphertext\":"
    "\"ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444c756477696720766f6e204d69736573\"},"
    "{\"payload\":\"4d757272617920526f746862617264\",\"ciphertext\":\"95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088"
    "4381cbad1f276e038c48378ffce2b65285e08d6b68aaa3629a5a8639392490e5b9bd5269c2f1e4f488ed8831161f19b7815528f8982ffe09be9b5c412f8a0d"
    "b50f8814c7194e83f23dbd8d162c9326ad\"},"
    "{\"payload\":\"462e20412e20486179656b\",\"ciphertext\":\"c7195ffacac1307ff99046f219750fc47693e23c3cb08b89c2af808b444850a80ae475"
    "b9df0f169ae80a89be0865b57f58c9fea0d4ec82a286427402f113e4b6ae769a1d95941d49b25030\"},"
    "{\"payload\":\"4361726c204d656e676572\",\"ciphertext\":\"96763ed773f8e47bb3712f0e29b3060ffc956ffc146cee53d5e1df\"},"
    "{\"payload\":\"4a65616e2d426170746973746520536179\",\"ciphertext\":"
    "\"3e40f15f6f3a46ae446b253bf8b1d9ffb6ed9b174d272328ff91a7e2e5c79c07f5\"}]}";

static void
begin(struct noise *n, bool initiator, const json_t *v)
{
	uint8_t s[NOISE_KEY], e[NOISE_KEY];
	struct buf prologue = hex(vectors_text(v, initiator ? "init_prologue" : "resp_prologue"));

	if (!hex_to(s, sizeof s, vectors_text(v, initiator ? "init_static" : "resp_static")) ||
	    !hex_to(e, sizeof e, vectors_text(v, initiator ? "init_ephemeral" : "resp_ephemeral")))
		abort();
	noise_begin(n, initiator, prologue.data, prologue.len);
	noise_set_keys(n, s, e);
	buf_free(&prologue);
}

/* One message, of the handshake or behind it, written by one side and read by the other. */
static bool
passes(struct noise *from, struct noise *to, struct noise_cipher *send, struct noise_cipher *receive, const json_t *message)
{
	struct buf plain = hex(vectors_text(message, "payload")), sealed = { 0 }, got = { 0 };
	const char *wanted = vectors_text(message, "ciphertext");
	bool good;

	if (!noise_done(from)) {
		good = noise_writes(from) && !noise_writes(to) && noise_write(from, &sealed, plain.data, plain.len) == 0 &&
		    is_hex(sealed.data, sealed.len, wanted) && noise_read(to, sealed.data, sealed.len, &got) == 0 &&
		    got.len == plain.len && memcmp(got.data, plain.data, got.len) == 0;
	} else {
		good = !noise_writes(from) && !noise_writes(to) && buf_add(&sealed, plain.data, plain.len) == 0 &&
		    buf_reserve(&sealed, NOISE_TAG) == 0 && noise_seal(send, sealed.data, plain.len) == 0 &&
		    is_hex(sealed.data, plain.len + NOISE_TAG, wanted) && noise_open(receive, sealed.data, plain.len + NOISE_TAG) == 0 &&
		    memcmp(sealed.data, plain.data, plain.len) == 0;
	}
	buf_free(&plain);
	buf_free(&sealed);
	buf_free(&got);
	return good;
}

static bool
vector_holds(const json_t *v)
{
	struct noise side[2];
	struct noise_cipher send[2] = { 0 }, receive[2] = { 0 };
	const char *hash = vectors_text(v, "handshake_hash");
	json_t *message;
	size_t i;
	bool good = true;

	begin(&side[0], true, v);
	begin(&side[1], false, v);
	json_array_foreach(json_object_get(v, "messages"), i, message) {
		size_t from = i % 2;
		good = good && passes(&side[from], &side[1 - from], &send[from], &receive[1 - from], message);
		if (i + 1 != NOISE_MESSAGES)
			continue;
		for (int k = 0; k < 2; k++) {
			good = good && noise_done(&side[k]) && (!*hash || is_hex(side[k].h, NOISE_HASH, hash)) &&
			    memcmp(side[k].rs, side[1 - k].s_public, NOISE_KEY) == 0;
			noise_split(&side[k], &send[k], &receive[k]);
		}
	}
	return good && i > NOISE_MESSAGES;
}

static void
check_vectors(void)
{
	json_t *one = json_loads(known, 0, NULL), *all = vectors_json("noise/noise-xx-ik-25519-chachapoly-sha256.json"), *v;
	size_t i;
	int n = 0, right = 0;

	tap_ok(vector_holds(one), "a handshake of cacophony and what follows, both sides to the byte");
	json_object_set_new(one, "resp_prologue", json_string("4a6f686e2047616c75"));
	tap_ok(!vector_holds(one), "not with another prologue on one side");
	json_array_foreach(json_object_get(all, "vectors"), i, v)
		if (strcmp(vectors_text(v, "protocol_name"), "Noise_XX_25519_ChaChaPoly_SHA256") == 0) {
			n++;
			right += vector_holds(v);
		}
	if (all)
		tap_ok(n >= 2 && right == n, "%d of %d vectors of cacophony and snow", right, n);
	json_decref(one);
	json_decref(all);
}

/* ---- a handshake between two new sides ---- */

static struct noise begun[NOISE_MESSAGES + 1][2]; /* the sides before each message, and at the end */
static struct buf message[NOISE_MESSAGES];
static const char *const payload[NOISE_MESSAGES] = { "", "the answer", "the last" };

static void
handshake(void)
{
	struct buf got = { 0 };

	noise_begin(&begun[0][0], true, "", 0);
	noise_begin(&begun[0][1], false, "", 0);
	for (int i = 0; i < NOISE_MESSAGES; i++) {
		memcpy(begun[i + 1], begun[i], sizeof begun[i]);
		struct noise *to = begun[i + 1];
		message[i].len = 0;
		if (noise_write(&to[i % 2], &message[i], payload[i], strlen(payload[i])) < 0 ||
		    noise_read(&to[1 - i % 2], message[i].data, message[i].len, &got) < 0)
			abort();
	}
	buf_free(&got);
}

/* What the side that reads message i makes of these bytes. They are put where a sanitizer sees their end. */
static bool
reads(int i, const uint8_t *data, size_t n, struct noise *after)
{
	struct noise side = begun[i][1 - i % 2];
	struct buf got = { 0 };
	uint8_t *exact = malloc(n ? n : 1);

	memcpy(exact, data, n);
	bool good = noise_read(&side, exact, n, &got) == 0;
	free(exact);
	buf_free(&got);
	if (after)
		*after = side;
	return good;
}

/* The first message is authenticated by the second: what was altered in it is found by its writer. */
static bool
first_passes(const uint8_t *data, size_t n)
{
	struct noise side;
	struct buf answer = { 0 };
	bool good = reads(0, data, n, &side) && noise_write(&side, &answer, payload[1], strlen(payload[1])) == 0 &&
	    reads(1, answer.data, answer.len, NULL);

	buf_free(&answer);
	return good;
}

static bool
all_passes(int i, const uint8_t *data, size_t n)
{
	return i == 0 ? first_passes(data, n) : reads(i, data, n, NULL);
}

static void
check_flips(void)
{
	int passed = 0, n = 0;

	for (int i = 0; i < NOISE_MESSAGES; i++) {
		passed += !all_passes(i, message[i].data, message[i].len);
		for (size_t at = 0; at < message[i].len; at++)
			for (int bit = 0; bit < 8; bit++, n++) {
				message[i].data[at] ^= (uint8_t)(1 << bit);
				passed += all_passes(i, message[i].data, message[i].len);
				message[i].data[at] ^= (uint8_t)(1 << bit);
			}
	}
	tap_ok(n > 1500 && passed == 0, "none of %d bits of a handshake may be another", n);
}

static void
check_cuts(void)
{
	int passed = 0, n = 0;

	for (int i = 0; i < NOISE_MESSAGES; i++) {
		for (size_t cut = 0; cut < message[i].len; cut++, n++)
			passed += all_passes(i, message[i].data, cut);
		if (buf_addc(&message[i], 0) < 0)
			abort();
		passed += all_passes(i, message[i].data, message[i].len);
		message[i].len--;
	}
	tap_ok(n > 200 && passed == 0, "nor may it be cut, or longer by a byte");
}

/* Every message of this handshake and of another, to each side at each time, but for the one that is due. */
static void
check_order(void)
{
	struct buf old[NOISE_MESSAGES];
	int passed = 0, n = 0;

	for (int i = 0; i < NOISE_MESSAGES; i++) {
		old[i] = message[i];
		message[i] = (struct buf){ 0 };
	}
	handshake();
	for (int i = 1; i < NOISE_MESSAGES; i++)
		for (int k = 0; k < NOISE_MESSAGES; k++, n++) {
			passed += k != i && reads(i, message[k].data, message[k].len, NULL);
			passed += reads(i, old[k].data, old[k].len, NULL);
		}
	tap_ok(n == 6 && passed == 0, "messages of another place, of the other side or of another handshake are refused: %s", err_reason());
	for (int i = 0; i < NOISE_MESSAGES; i++)
		buf_free(&old[i]);
}

/* ---- keys of small order ---- */

static const char *const small[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

static bool
for_its_order(int rc)
{
	return rc < 0 && strstr(err_reason(), "small order");
}

/* As the ephemeral key of either side, and as the static key of either, whose owner does all else right. */
static bool
is_refused(const uint8_t point[NOISE_KEY])
{
	struct noise i, r;
	struct buf m = { 0 }, got = { 0 };

	noise_begin(&r, false, "", 0);
	bool good = noise_read(&r, point, NOISE_KEY, &got) == 0 && for_its_order(noise_write(&r, &m, "", 0));

	i = begun[1][0];
	m.len = 0;
	buf_add(&m, point, NOISE_KEY);
	buf_add(&m, message[1].data + NOISE_KEY, message[1].len - NOISE_KEY);
	good = good && for_its_order(noise_read(&i, m.data, m.len, &got));

	i = begun[1][0];
	r = begun[1][1];
	memcpy(r.s_public, point, NOISE_KEY);
	m.len = 0;
	good = good && noise_write(&r, &m, "", 0) == 0 && for_its_order(noise_read(&i, m.data, m.len, &got));

	i = begun[2][0];
	r = begun[2][1];
	memcpy(i.s_public, point, NOISE_KEY);
	m.len = 0;
	good = good && noise_write(&i, &m, "", 0) == 0 && for_its_order(noise_read(&r, m.data, m.len, &got));
	buf_free(&m);
	buf_free(&got);
	return good;
}

static void
check_small_order(void)
{
	json_t *all = vectors_json("wycheproof/x25519_test.json"), *group, *v;
	uint8_t point[NOISE_KEY];
	size_t i, j;
	int n = 0, refused = 0;

	for (i = 0; i < sizeof small / sizeof *small; i++)
		if (!hex_to(point, sizeof point, small[i]) || !is_refused(point))
			tap_ok(false, "a key %s is refused: %s", small[i], err_reason());
		else
			refused++;
	tap_ok(refused == sizeof small / sizeof *small, "keys of small order are refused, ephemeral and static: %s", err_reason());
	refused = 0;
	json_array_foreach(json_object_get(all, "testGroups"), i, group)
		json_array_foreach(json_object_get(group, "tests"), j, v)
			if (strspn(vectors_text(v, "shared"), "0") == 2 * NOISE_KEY && hex_to(point, sizeof point, vectors_text(v, "public"))) {
				n++;
				refused += is_refused(point);
			}
	if (all)
		tap_ok(n >= 10 && refused == n, "and so are %d of %d of Wycheproof", refused, n);
	json_decref(all);
}

/* Products that Wycheproof gives, through a handshake's keys. */
static void
check_x25519(void)
{
	json_t *all = vectors_json("wycheproof/x25519_test.json"), *group, *v;
	size_t i, j;
	int n = 0, right = 0;

	json_array_foreach(json_object_get(all, "testGroups"), i, group)
		json_array_foreach(json_object_get(group, "tests"), j, v) {
			uint8_t secret[NOISE_KEY], public[NOISE_KEY], product[NOISE_KEY];
			if (!hex_to(secret, sizeof secret, vectors_text(v, "private")) || !hex_to(public, sizeof public, vectors_text(v, "public")))
				continue;
			int rc = crypto_scalarmult(product, secret, public);
			n++;
			right += rc == 0 ? is_hex(product, sizeof product, vectors_text(v, "shared")) : strspn(vectors_text(v, "shared"), "0") == 64;
		}
	if (all)
		tap_ok(n >= 346 && right == n, "libsodium has %d of %d products of Wycheproof right", right, n);
	json_decref(all);
}

/* ---- messages behind the handshake ---- */

enum { SIDES = 2, SENT = 3, PLAIN = 40 };
static struct noise_cipher send[SIDES], receive[SIDES];
static uint8_t sealed[SIDES][SENT][PLAIN + NOISE_TAG];

static void
seal_some(void)
{
	for (int k = 0; k < SIDES; k++)
		noise_split(&begun[NOISE_MESSAGES][k], &send[k], &receive[k]);
	for (int k = 0; k < SIDES; k++)
		for (int i = 0; i < SENT; i++) {
			memset(sealed[k][i], 'a' + i, PLAIN);
			if (noise_seal(&send[k], sealed[k][i], PLAIN) < 0)
				abort();
		}
}

static bool
opens(struct noise_cipher *c, const uint8_t *data, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	memcpy(copy, data, n);
	bool good = noise_open(c, copy, n) == 0;
	free(copy);
	return good;
}

static void
check_split(void)
{
	const struct noise *n = begun[NOISE_MESSAGES];

	tap_ok(memcmp(&send[0].key, &receive[1].key, NOISE_KEY) == 0 && memcmp(&send[1].key, &receive[0].key, NOISE_KEY) == 0 &&
	    memcmp(&send[0].key, &send[1].key, NOISE_KEY) != 0, "a key for each direction");
	for (int k = 0; k < SIDES; k++)
		tap_ok(sodium_is_zero(n[k].ck, sizeof n[k].ck) && sodium_is_zero(n[k].s_secret, NOISE_KEY) &&
		    sodium_is_zero(n[k].e_secret, NOISE_KEY) && sodium_is_zero((const uint8_t *)&n[k].cipher, sizeof n[k].cipher) &&
		    memcmp(n[k].rs, n[1 - k].s_public, NOISE_KEY) == 0 && memcmp(n[0].h, n[1].h, NOISE_HASH) == 0,
		    "what is secret is gone, and h and rs stay");
}

static void
check_messages(void)
{
	int wrong = 0;

	for (int k = 0; k < SIDES; k++) {
		struct noise_cipher c = receive[k];
		for (int i = 0; i < SENT; i++)
			wrong += !opens(&c, sealed[1 - k][i], PLAIN + NOISE_TAG);
	}
	tap_ok(wrong == 0, "messages in order are opened");
	for (int k = 0; k < SIDES; k++) {
		struct noise_cipher c = receive[k];
		wrong += opens(&c, sealed[k][0], PLAIN + NOISE_TAG);
		c = receive[k];
		wrong += opens(&c, sealed[1 - k][1], PLAIN + NOISE_TAG);
		c = receive[k];
		wrong += !opens(&c, sealed[1 - k][0], PLAIN + NOISE_TAG) || opens(&c, sealed[1 - k][0], PLAIN + NOISE_TAG);
		for (int i = 0; i < SENT; i++) {
			c = receive[k];
			c.counter = UINT64_MAX;
			wrong += opens(&c, sealed[1 - k][i], PLAIN + NOISE_TAG);
		}
	}
	tap_ok(wrong == 0, "reflected, before its turn, or again, one is refused: %s", err_reason());
}

/* How many of the messages would still be opened. */
static int
still_opens(const struct noise_cipher *c)
{
	int n = 0;

	for (int i = 0; i < SENT; i++) {
		struct noise_cipher copy = *c;
		n += opens(&copy, sealed[0][i], PLAIN + NOISE_TAG);
	}
	return n;
}

static void
check_damage(void)
{
	int passed = 0, after = 0, n = 0;

	for (size_t at = 0; at < PLAIN + NOISE_TAG; at++)
		for (int bit = 0; bit < 8; bit++, n++) {
			struct noise_cipher c = receive[1];
			sealed[0][0][at] ^= (uint8_t)(1 << bit);
			passed += opens(&c, sealed[0][0], PLAIN + NOISE_TAG);
			sealed[0][0][at] ^= (uint8_t)(1 << bit);
			after += still_opens(&c);
		}
	tap_ok(passed == 0, "none of %d bits may be another", n);
	for (size_t cut = 0; cut < PLAIN + NOISE_TAG; cut++) {
		struct noise_cipher c = receive[1];
		passed += opens(&c, sealed[0][0], cut);
		after += still_opens(&c);
	}
	tap_ok(passed == 0, "nor may a message be cut: %s", err_reason());
	tap_ok(still_opens(&receive[1]) == 1 && after == 0, "after that nothing is opened, the next message neither");
}

static void
check_sizes(void)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 63, 64, 65, 255, 256, 4096, NOISE_MAX_PLAIN };
	static uint8_t data[NOISE_MAX], plain[NOISE_MAX_PLAIN];
	struct noise_cipher s = send[0], r = send[0];
	int wrong = 0;

	randombytes_buf(plain, sizeof plain);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		memcpy(data, plain, sizes[i]);
		wrong += noise_seal(&s, data, sizes[i]) < 0 || (sizes[i] > 8 && memcmp(data, plain, sizes[i]) == 0) ||
		    noise_open(&r, data, sizes[i] + NOISE_TAG) < 0 || memcmp(data, plain, sizes[i]) != 0;
	}
	tap_ok(wrong == 0 && s.counter == r.counter, "messages of 0 to %d bytes come back", NOISE_MAX_PLAIN);
	s.counter = r.counter = UINT64_MAX - 1;
	tap_ok(noise_seal(&s, data, 8) == 0 && noise_seal(&s, data, 8) == -1, "the last number is never used: %s", err_reason());
}

int
main(void)
{
	if (sodium_init() < 0)
		abort();
	check_vectors();
	handshake();
	check_flips();
	check_cuts();
	check_order();
	check_small_order();
	check_x25519();
	seal_some();
	check_split();
	check_messages();
	check_damage();
	check_sizes();
	for (int i = 0; i < NOISE_MESSAGES; i++)
		buf_free(&message[i]);
	return tap_done();
}
