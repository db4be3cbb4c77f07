#include "net/multiaddr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/uvarint.h"

/* Protocols of the table of multicodecs. */
enum { CODE_IP4 = 4, CODE_TCP = 6, CODE_IP6 = 41, CODE_DNS = 53, CODE_DNS4 = 54, CODE_DNS6 = 55, CODE_UNIX = 400, CODE_P2P = 421 };

static const struct {
	const char *name;
	uint32_t code;
} hosts[] = {
	[MULTIADDR_IP4] = { "ip4", CODE_IP4 }, [MULTIADDR_IP6] = { "ip6", CODE_IP6 }, [MULTIADDR_DNS] = { "dns", CODE_DNS },
	[MULTIADDR_DNS4] = { "dns4", CODE_DNS4 }, [MULTIADDR_DNS6] = { "dns6", CODE_DNS6 }, [MULTIADDR_UNIX] = { "unix", CODE_UNIX },
};
enum { HOSTS = sizeof hosts / sizeof hosts[0] };

/*
 * A name goes into text and into the resolver: letters, digits, '-', '_', and dots, with something before each. A path: no
 * NUL and no line ends.
 */
static int
set_name(struct multiaddr *a, const char *text, size_t n)
{
	bool path = a->host == MULTIADDR_UNIX;

	if (n == 0 || n >= sizeof a->name)
		return err_set(ERR_DATA, "a name of %zu bytes in an address", n);
	for (size_t i = 0; i < n; i++) {
		char c = text[i];
		bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
		bool empty = c == '.' && (i == 0 || text[i - 1] == '.');
		if (path ? (unsigned char)c < ' ' || c == 127 : !plain || empty)
			return err_set(ERR_DATA, "a name in an address has a character that none has");
	}
	memcpy(a->name, text, n);
	a->name[n] = '\0';
	return 0;
}

/* ---- text ---- */

/* The part up to the next slash; *text goes behind it. */
static size_t
part(const char **text, const char **from)
{
	size_t n = strcspn(*text, "/");

	*from = *text;
	*text += n + ((*text)[n] == '/');
	return n;
}

static bool
is(const char *from, size_t n, const char *word)
{
	return n == strlen(word) && memcmp(from, word, n) == 0;
}

/* Where a path ends in /p2p/ID, or /p2p/ID/; NULL: nowhere. */
static const char *
peer_of_path(const char *path)
{
	const char *last = NULL;

	for (const char *p = path; (p = strstr(p, "/p2p/")); p++) {
		const char *slash = strchr(p + 5, '/');
		if (!slash || !slash[1])
			last = p;
	}
	return last;
}

/* The rest is a path, but for /p2p/ID at its end. */
static int
parse_path(struct multiaddr *a, const char **text)
{
	size_t n = strlen(*text);
	const char *last = peer_of_path(*text);

	if (last)
		n = (size_t)(last - *text);
	if (n == 0 || n + 1 >= sizeof a->name || set_name(a, *text, n) < 0)
		return -1;
	memmove(a->name + 1, a->name, n + 1);
	a->name[0] = '/';
	*text = last ? last + 1 : *text + n;
	return 0;
}

static int
parse_host(struct multiaddr *a, const char **text)
{
	const char *from;
	char address[INET6_ADDRSTRLEN];
	size_t n = part(text, &from), i = 0;

	while (i < HOSTS && !is(from, n, hosts[i].name))
		i++;
	if (i == HOSTS)
		return -1;
	a->host = (enum multiaddr_host)i;
	if (a->host == MULTIADDR_UNIX)
		return parse_path(a, text);
	n = part(text, &from);
	if (a->host >= MULTIADDR_DNS)
		return set_name(a, from, n);
	if (n >= sizeof address)
		return -1;
	memcpy(address, from, n);
	address[n] = '\0';
	return inet_pton(a->host == MULTIADDR_IP4 ? AF_INET : AF_INET6, address, a->ip) == 1 ? 0 : -1;
}

static int
parse_port(struct multiaddr *a, const char **text)
{
	const char *from;
	char digits[6];
	int64_t port;
	size_t n = part(text, &from);

	if (!is(from, n, "tcp"))
		return -1;
	n = part(text, &from);
	if (n == 0 || n >= sizeof digits || strspn(from, "0123456789") < n)
		return -1;
	memcpy(digits, from, n);
	digits[n] = '\0';
	if (!opt_number(digits, 0, UINT16_MAX, &port))
		return -1;
	a->port = (uint16_t)port; /* in range */
	return 0;
}

int
multiaddr_parse(struct multiaddr *a, const char *text)
{
	const char *at = text + 1, *from;
	size_t n;

	*a = (struct multiaddr){ 0 };
	if (text[0] != '/' || parse_host(a, &at) < 0 || (a->host != MULTIADDR_UNIX && parse_port(a, &at) < 0))
		goto bad;
	if (*at) {
		n = part(&at, &from);
		if (!is(from, n, "p2p") && !is(from, n, "ipfs"))
			goto bad;
		n = part(&at, &from);
		if (*at || peerid_parse(&a->peer, from, n) < 0)
			goto bad;
	}
	return 0;
bad:
	return err_set(ERR_DATA, "'%.200s' is no address: /ip4/HOST/tcp/PORT[/p2p/PEERID], or with ip6, dns, dns4, dns6; or /unix/PATH", text);
}

char *
multiaddr_text(const struct multiaddr *a, char to[MULTIADDR_TEXT])
{
	char address[INET6_ADDRSTRLEN] = "", id[PEERID_TEXT];
	const char *name = a->name;
	int n;

	if (a->host <= MULTIADDR_IP6)
		name = inet_ntop(a->host == MULTIADDR_IP4 ? AF_INET : AF_INET6, a->ip, address, sizeof address);
	if (a->host == MULTIADDR_UNIX)
		n = snprintf(to, MULTIADDR_TEXT, "/unix%s", name);
	else
		n = snprintf(to, MULTIADDR_TEXT, "/%s/%s/tcp/%u", hosts[a->host].name, name, (unsigned)a->port);
	if (a->peer.n > 0)
		snprintf(to + n, (size_t)(MULTIADDR_TEXT - n), "/p2p/%s", peerid_text(&a->peer, id));
	return to;
}

/* ---- bytes ---- */

static int
put_varint(struct buf *to, uint64_t x)
{
	uint8_t bytes[UVARINT_MAX];

	return buf_add(to, bytes, uvarint_put(bytes, x));
}

static int
put_sized(struct buf *to, uint32_t code, const void *data, size_t n)
{
	return put_varint(to, code) < 0 || put_varint(to, n) < 0 ? -1 : buf_add(to, data, n);
}

int
multiaddr_pack(struct buf *to, const struct multiaddr *a)
{
	const uint32_t code = hosts[a->host].code;
	const uint8_t port[] = { (uint8_t)(a->port >> 8), (uint8_t)(a->port & 0xff) };

	if (a->host <= MULTIADDR_IP6) {
		if (put_varint(to, code) < 0 || buf_add(to, a->ip, a->host == MULTIADDR_IP4 ? 4 : 16) < 0)
			return -1;
	} else if (put_sized(to, code, a->name, strlen(a->name)) < 0) {
		return -1;
	}
	if (a->host != MULTIADDR_UNIX && (put_varint(to, CODE_TCP) < 0 || buf_add(to, port, sizeof port) < 0))
		return -1;
	return a->peer.n > 0 ? put_sized(to, CODE_P2P, a->peer.bytes, a->peer.n) : 0;
}

struct bytes {
	const uint8_t *at;
	size_t n;
};

static int
take_varint(struct bytes *b, uint64_t *x)
{
	int used = uvarint_get(x, b->at, b->n);

	if (used <= 0)
		return used < 0 ? -1 : err_set(ERR_DATA, "an address that is cut");
	b->at += used;
	b->n -= (size_t)used;
	return 0;
}

static const uint8_t *
take(struct bytes *b, uint64_t n)
{
	const uint8_t *at = b->at;

	if (n > b->n) {
		err_set(ERR_DATA, "an address that is cut");
		return NULL;
	}
	b->at += n;
	b->n -= n;
	return at;
}

static int
unpack_host(struct multiaddr *a, struct bytes *b)
{
	uint64_t code, n;
	size_t i = 0;
	const uint8_t *from;

	if (take_varint(b, &code) < 0)
		return -1;
	while (i < HOSTS && hosts[i].code != code)
		i++;
	if (i == HOSTS)
		return err_set(ERR_DATA, "an address of protocol %llu", (unsigned long long)code);
	a->host = (enum multiaddr_host)i;
	if (a->host <= MULTIADDR_IP6) {
		n = a->host == MULTIADDR_IP4 ? 4 : 16;
		if (!(from = take(b, n)))
			return -1;
		memcpy(a->ip, from, n);
		return 0;
	}
	return take_varint(b, &n) == 0 && (from = take(b, n)) ? set_name(a, (const char *)from, n) : -1;
}

int
multiaddr_unpack(struct multiaddr *a, const uint8_t *bytes, size_t n)
{
	struct bytes b = { bytes, n };
	uint64_t code, size;
	const uint8_t *from;

	*a = (struct multiaddr){ 0 };
	if (unpack_host(a, &b) < 0)
		return -1;
	if (a->host != MULTIADDR_UNIX) {
		if (take_varint(&b, &code) < 0)
			return -1;
		if (code != CODE_TCP)
			return err_set(ERR_DATA, "an address of protocol %llu", (unsigned long long)code);
		if (!(from = take(&b, 2)))
			return -1;
		a->port = (uint16_t)(from[0] << 8 | from[1]); /* 16 bits */
	} else if (a->name[0] != '/' || !a->name[1] || (b.n == 0 && peer_of_path(a->name + 1))) {
		/* its text would be no address, or that of another socket and a peer */
		return err_set(ERR_DATA, "a socket without a path that can be written");
	}
	if (b.n == 0)
		return 0;
	if (take_varint(&b, &code) < 0 || take_varint(&b, &size) < 0 || !(from = take(&b, size)))
		return -1;
	if (code != CODE_P2P || b.n > 0)
		return err_set(ERR_DATA, "an address of protocol %llu", (unsigned long long)code);
	return peerid_unpack(&a->peer, from, size);
}
