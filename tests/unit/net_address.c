/* Sockets: what is written to one goes out at once, on both sides, and frames are not spread over time. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "net/address.h"
#include "tap.h"

static char *
congestion(char name[16], int fd)
{
	socklen_t n = 15;

	memset(name, 0, 16);
	return getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &n) == 0 ? name : NULL;
}

static void
test_options(int fd, bool bursts, const char *usual, const char *which)
{
	char name[16];
	int no_delay = 0;
	socklen_t n = sizeof no_delay;

	tap_ok(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &n) == 0 && no_delay, "%s: small writes go out at once", which);
	tap_ok(congestion(name, fd) != NULL, "%s: its congestion control is known", which);
	if (bursts && strncmp(usual, "bbr", 3) == 0)
		tap_ok(strncmp(name, "bbr", 3) != 0, "%s: not %s, but %s", which, usual, name);
	else
		tap_ok(strcmp(name, usual) == 0, "%s: %s, as the system has it", which, name);
}

/* The address of a socket that listens at a port that the system chose. */
static struct address
address_of(int fd)
{
	struct address a = { .n = sizeof a.to };

	if (getsockname(fd, (struct sockaddr *)&a.to, &a.n) != 0)
		a.n = 0;
	return a;
}

static void
test_pair(const char *text, bool bursts, const char *usual)
{
	struct multiaddr at;
	int listens = -1, dials = -1, accepted = -1;

	if (multiaddr_parse(&at, text) < 0 || (listens = address_listen(&at, bursts)) < 0) {
		tap_skip(text, "the system has none");
		return;
	}
	struct address a = address_of(listens);
	tap_ok(address_connect(&a, bursts, &dials) == 0, "%s: connects", text);
	poll(&(struct pollfd){ .fd = listens, .events = POLLIN }, 1, 5000);
	accepted = accept(listens, NULL, NULL);
	tap_ok(accepted >= 0, "%s: is accepted", text);
	test_options(dials, bursts, usual, "who connects");
	test_options(accepted, bursts, usual, "who accepts");
	close(accepted);
	close(dials);
	close(listens);
}

int
main(void)
{
	char usual[16];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	tap_ok(congestion(usual, fd) != NULL, "the system has a congestion control");
	close(fd);
	for (int bursts = 0; bursts < 2; bursts++) {
		test_pair("/ip4/127.0.0.1/tcp/0", bursts, usual);
		test_pair("/ip6/::1/tcp/0", bursts, usual);
	}
	return tap_done();
}
