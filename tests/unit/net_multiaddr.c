/* Where peers are: multiaddrs, as text and as bytes, beside those of others, and what is none. */
#include "base/err.h"
#include "net/multiaddr.h"
#include "vectors.h"

/* A row of libp2p/peer-ids.json, made by js-libp2p, and the specification's PeerId of a key that is hashed. */
#define PEER_BYTES "002408011220525c8be721c6720eb308e729ef121317ad5b11a54c5d56f2aa6ccbb2bc42e91c"
#define PEER "12D3KooWFMsSyQ8qoegi4jJ7NzMDbt2dBfmisZcM3rqsUoZfa6Dh"
#define PEER_CID "bafzaajaiaejcaus4rptsdrtsb2zqrzzj54jbgf5nlmi2ktc5k3zku3glwk6ef2i4"
#define HASHED "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"
#define HASHED_BYTES "12209dff3b17d74cf4d38a50d8b6383e92d181a10395a5e73a726dcccbd21bf6f0b9"
#define P2P "a50326" PEER_BYTES

static bool
address_is(const char *text, const char *bytes)
{
	struct multiaddr a, b;
	struct buf packed = { 0 }, from = hex(bytes);
	char to[MULTIADDR_TEXT];
	bool good = multiaddr_parse(&a, text) == 0 && multiaddr_pack(&packed, &a) == 0 && is_hex(packed.data, packed.len, bytes) &&
	    multiaddr_unpack(&b, from.data, from.len) == 0 && memcmp(&a, &b, sizeof a) == 0 && strcmp(multiaddr_text(&b, to), text) == 0;

	buf_free(&packed);
	buf_free(&from);
	return good;
}

static void
check_vectors(void)
{
	json_t *all = vectors_json("libp2p/peer-ids.json"), *v;
	size_t i;
	int n = 0, right = 0;

	json_array_foreach(all, i, v)
		if (json_object_get(v, "multiaddr")) {
			n++;
			right += address_is(vectors_text(v, "multiaddr"), vectors_text(v, "multiaddrBytes"));
		}
	if (all)
		tap_ok(n >= 19 && right == n, "%d of %d addresses of js-libp2p are right", right, n);
	json_decref(all);
}

/* By the table of multicodecs. */
static const struct {
	const char *text, *bytes;
} addresses[] = {
	{ "/ip4/127.0.0.1/tcp/4001", "047f00000106" "0fa1" },
	{ "/ip4/255.0.16.1/tcp/65535", "04ff00100106" "ffff" },
	{ "/ip6/::1/tcp/80", "29" "00000000000000000000000000000001" "06" "0050" },
	{ "/ip6/2001:db8::ff00:42:8329/tcp/0", "29" "20010db8000000000000ff0000428329" "06" "0000" },
	{ "/dns/example.org/tcp/443", "35" "0b" "6578616d706c652e6f7267" "06" "01bb" },
	{ "/dns4/a/tcp/1", "36" "01" "61" "06" "0001" },
	{ "/dns6/x-y_Z.0/tcp/258", "37" "07" "782d795f5a2e30" "06" "0102" },
	{ "/unix/run/mai.sock", "9003" "0d" "2f72756e2f6d61692e736f636b" },
	{ "/unix/p2p", "9003" "04" "2f703270" },
	{ "/unix/a b/\xc3\xa9", "9003" "07" "2f6120622fc3a9" },
};
enum { ADDRESSES = sizeof addresses / sizeof *addresses };

static void
check_addresses(void)
{
	char text[512], bytes[512];
	struct multiaddr a;
	struct peerid p;

	for (int i = 0; i < ADDRESSES; i++) {
		tap_ok(address_is(addresses[i].text, addresses[i].bytes), "%s is %s", addresses[i].text, addresses[i].bytes);
		snprintf(text, sizeof text, "%s/p2p/%s", addresses[i].text, PEER);
		snprintf(bytes, sizeof bytes, "%s%s", addresses[i].bytes, P2P);
		tap_ok(address_is(text, bytes), "and with a peer");
	}
	tap_ok(address_is("/ip4/1.2.3.4/tcp/5/p2p/" HASHED, "0401020304060005" "a50322" HASHED_BYTES), "a peer that is a hash");
	tap_ok(peerid_parse(&p, PEER, strlen(PEER)) == 0 && multiaddr_parse(&a, "/ip4/1.2.3.4/tcp/5/ipfs/" PEER) == 0 &&
	    peerid_equal(&a.peer, &p), "/ipfs/ is the old name of /p2p/");
	tap_ok(multiaddr_parse(&a, "/dns/a/tcp/5/p2p/" PEER_CID) == 0 && peerid_equal(&a.peer, &p), "a peer as a CID");
	tap_ok(multiaddr_parse(&a, "/unix/run/p2p/x/p2p/" PEER) == 0 && strcmp(a.name, "/run/p2p/x") == 0 && peerid_equal(&a.peer, &p),
	    "a path that has p2p in it: its last is the peer");
	tap_ok(multiaddr_parse(&a, "/ip4/1.2.3.4/tcp/5/p2p/" PEER "/") == 0 && peerid_equal(&a.peer, &p) &&
	    multiaddr_parse(&a, "/unix/a/p2p/" PEER "/") == 0 && strcmp(a.name, "/a") == 0 && peerid_equal(&a.peer, &p),
	    "a slash behind the peer does not lose it");
	tap_ok(multiaddr_parse(&a, "/dns/example.org./tcp/5") == 0, "a name may end in a dot");
	tap_ok(multiaddr_parse(&a, "/unix/a/p2p/" PEER "/b") == 0 && a.peer.n == 0, "a path goes on behind what is no peer");
}

/* Names and paths up to the longest. */
static void
check_address_lengths(void)
{
	char text[MULTIADDR_TEXT + 64], name[MULTIADDR_NAME + 8], back[MULTIADDR_TEXT];
	struct multiaddr a;
	int wrong = 0;

	for (int n = MULTIADDR_NAME - 6; n < MULTIADDR_NAME + 4; n++) {
		memset(name, 'a', sizeof name);
		name[n] = '\0';
		snprintf(text, sizeof text, "/dns/%s/tcp/65535/p2p/%s", name, PEER);
		int rc = multiaddr_parse(&a, text);
		wrong += rc != (n < MULTIADDR_NAME ? 0 : -1) || (rc == 0 && strcmp(multiaddr_text(&a, back), text) != 0);
		snprintf(text, sizeof text, "/unix/%s/p2p/%s", name + 1, PEER); /* n characters with the first slash */
		rc = multiaddr_parse(&a, text);
		wrong += rc != (n < MULTIADDR_NAME ? 0 : -1) || (rc == 0 && strcmp(multiaddr_text(&a, back), text) != 0);
	}
	tap_ok(wrong == 0, "names of up to %d bytes are taken, and longer ones are not", MULTIADDR_NAME - 1);
}

static void
check_address_bad(void)
{
	static const char *const bad[] = {
		"", "/", "//", "ip4/127.0.0.1/tcp/1", " /ip4/127.0.0.1/tcp/1", "127.0.0.1:1", "/ip4", "/ip4/", "/ip4/127.0.0.1",
		"/ip4/127.0.0.1/", "/ip4/127.0.0.1/tcp", "/ip4/127.0.0.1/tcp/", "/ip4//tcp/1", "/tcp/1", "/IP4/127.0.0.1/tcp/1",
		"/ip4/127.0.0.1/tcp/65536", "/ip4/127.0.0.1/tcp/99999", "/ip4/127.0.0.1/tcp/4294967297", "/ip4/127.0.0.1/tcp/-1",
		"/ip4/127.0.0.1/tcp/-0", "/ip4/127.0.0.1/tcp/+1", "/ip4/127.0.0.1/tcp/ 1", "/ip4/127.0.0.1/tcp/\t1",
		"/ip4/127.0.0.1/tcp/1 ", "/ip4/127.0.0.1/tcp/1x", "/ip4/127.0.0.1/tcp/0x1", "/ip4/127.0.0.1/tcp/http",
		"/ip4/127.0.0.1/udp/1", "/ip4/127.0.0.1/tcp/1/ws", "/ip4/127.0.0.1/tcp/1/tcp/1", "/ip4/127.0.0.1/tcp/1//",
		"/ip4/256.0.0.1/tcp/1", "/ip4/127.0.1/tcp/1", "/ip4/127.0.0.1.1/tcp/1", "/ip4/::1/tcp/1", "/ip4/127.0.0.1 /tcp/1",
		"/ip4/0x7f.0.0.1/tcp/1", "/ip4/localhost/tcp/1", "/ip6/127.0.0.1/tcp/1", "/ip6/:::/tcp/1", "/ip6/::1%lo/tcp/1",
		"/ip6/1111:2222:3333:4444:5555:6666:7777:8888:9999/tcp/1", "/ip6/[::1]/tcp/1",
		"/ip6/1111:2222:3333:4444:5555:6666:255.255.255.2555/tcp/1",
		"/dns//tcp/1", "/dns/a b/tcp/1", "/dns/a%b/tcp/1", "/dns/a\nb/tcp/1", "/dns/\xc3\xa9/tcp/1", "/dns/a@b/tcp/1", "/dns/a",
		"/dns/../tcp/1", "/dns/a..b/tcp/1", "/dns/.a/tcp/1", "/dns/./tcp/1", "/dnsaddr/a/tcp/1", "/dns/a:1/tcp/1",
		"/ip4/127.0.0.1/tcp/1/p2p", "/ip4/127.0.0.1/tcp/1/p2p/", "/ip4/127.0.0.1/tcp/1/p2p/x", "/ip4/127.0.0.1/tcp/1/" PEER,
		"/ip4/127.0.0.1/tcp/1/p2p/" PEER "/p2p/" PEER, "/ip4/127.0.0.1/tcp/1/p2p/" PEER "/x", "/ip4/127.0.0.1/tcp/1/p2p/" PEER "1",
		"/ip4/127.0.0.1/tcp/1/p2p/" PEER " ", "/ip4/127.0.0.1/tcp/1/p2p/" PEER "//", "/p2p/" PEER,
		"/unix", "/unix/", "/unix/a\nb", "/unix/a\x7f", "/unix/a/p2p/", "/unix/a/p2p/x", "/unix//p2p/" PEER,
	};
	struct multiaddr a;
	int taken = 0;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (multiaddr_parse(&a, bad[i]) == 0) {
			tap_ok(false, "the address '%s' is refused", bad[i]);
			taken++;
		}
	tap_ok(taken == 0, "%zu texts that are no addresses are refused", sizeof bad / sizeof *bad);
}

/* Cut anywhere, with and without a peer: only the end of the address without its peer is an end. */
static void
check_address_cuts(void)
{
	struct multiaddr a;
	int wrong = 0, n = 0;

	for (int i = 0; i < ADDRESSES; i++) {
		char bytes[512];
		snprintf(bytes, sizeof bytes, "%s%s", addresses[i].bytes, P2P);
		struct buf b = hex(bytes);
		for (size_t cut = 0; cut < b.len; cut++, n++) {
			uint8_t *exact = malloc(cut ? cut : 1); /* where a sanitizer sees its end */
			memcpy(exact, b.data, cut);
			wrong += (multiaddr_unpack(&a, exact, cut) == 0) != (cut == strlen(addresses[i].bytes) / 2);
			free(exact);
		}
		buf_addc(&b, 0);
		wrong += multiaddr_unpack(&a, b.data, b.len) == 0;
		buf_free(&b);
	}
	tap_ok(n > 400 && wrong == 0, "addresses that are cut at %d places, or have a byte more, are refused", n);
}

static void
check_address_bytes_bad(void)
{
	static const char *const bad[] = {
		"84007f000001060fa1",         /* a code longer than it need be */
		"047f000001860000a1",
		"047f00000111" "0fa1",        /* UDP */
		"047f000001060fa1" "06" "0fa1",
		"047f000001060fa1" "dd03",    /* /ws */
		"047f000001060fa1" P2P P2P,
		"047f000001060fa1" "a50300",
		"047f000001060fa1" "a503a600" PEER_BYTES,
		"047f000001060fa1" "a50325" PEER_BYTES,
		"047f000001060fa1" "a503ffffffffffffffff7f" PEER_BYTES,
		"047f000001060fa1" "a5032a" PEER_BYTES,
		"35" "00" "06" "0001", "35" "01" "2f" "06" "0001", "35" "01" "00" "06" "0001", "35" "02" "6100" "06" "0001",
		"35" "02" "6120" "06" "0001", "35" "02" "c3a9" "06" "0001",
		"35" "ffffffffffffffff7f" "61" "06" "0001", "35" "ffffffffffffffffff01" "61" "06" "0001",
		"35" "02" "2e2e" "06" "0001",                       /* a name of two dots */
		"9003" "00", "9003" "01" "61", "9003" "02" "2f00", "9003" "02" "2f0a", "9003" "03" "612f62",
		"9003" "02" "2f61" "06" "0001",                     /* a socket has no port */
		"38" "01" "61" "06" "0001",                         /* dnsaddr */
		"a50326" PEER_BYTES,
		"ffffffffffffffffff01", "00",
	};
	struct multiaddr a;
	int taken = 0;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct buf b = hex(bad[i]);
		if (multiaddr_unpack(&a, b.data, b.len) == 0) {
			tap_ok(false, "the address %s is refused", bad[i]);
			taken++;
		}
		buf_free(&b);
	}
	tap_ok(taken == 0, "%zu strings of bytes that are no addresses are refused", sizeof bad / sizeof *bad);
}

/* The longest name in bytes; and a path that, as text, would name a peer that nobody has stated. */
static void
check_address_names(void)
{
	static const char *const paths[] = { "/", ("/a/p2p/" PEER), "/a/p2p/x/", "//p2p/x" };
	struct multiaddr a;
	struct buf b = { 0 };
	int taken = 0;

	buf_add(&b, "\x35\xfd\x01", 3);
	for (int i = 0; i < 253; i++)
		buf_addc(&b, 'a');
	buf_add(&b, "\6\0\1", 3);
	tap_ok(multiaddr_unpack(&a, b.data, b.len) == 0 && strlen(a.name) == 253, "a name of 253 bytes is taken");
	b.data[1] = 0xfe;
	b.data[b.len - 3] = 'a';
	buf_add(&b, "\6\0\1", 3);
	memmove(b.data + b.len - 5, b.data + b.len - 3, 3);
	tap_ok(multiaddr_unpack(&a, b.data, b.len - 2) == -1, "one of 254 is refused: %s", err_reason());
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		b.len = 0;
		buf_add(&b, "\x90\x03", 2);
		buf_addc(&b, (uint8_t)strlen(paths[i]));
		buf_add(&b, paths[i], strlen(paths[i]));
		taken += multiaddr_unpack(&a, b.data, b.len) == 0;
	}
	tap_ok(taken == 0, "paths that would read as no address, or as another with a peer, are refused: %s", err_reason());
	buf_free(&b);
}

int
main(void)
{
	if (sodium_init() < 0)
		abort();
	check_vectors();
	check_addresses();
	check_address_lengths();
	check_address_bad();
	check_address_cuts();
	check_address_bytes_bad();
	check_address_names();
	return tap_done();
}
