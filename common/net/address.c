#include "net/address.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

enum { BACKLOG = 512 };

static int
find_unix(struct address *to, const char *path)
{
	struct sockaddr_un *u = (struct sockaddr_un *)&to->to;
	size_t n = strlen(path);

	if (n >= sizeof u->sun_path)
		return err_set(ERR_DATA, "%s: longer than the path of a socket can be (%zu bytes)", path, sizeof u->sun_path - 1);
	u->sun_family = AF_UNIX;
	memcpy(u->sun_path, path, n + 1);
	to->n = sizeof *u;
	return 1;
}

static int
find_name(struct address *to, const struct multiaddr *a)
{
	static const int family[] = { [MULTIADDR_DNS] = AF_UNSPEC, [MULTIADDR_DNS4] = AF_INET, [MULTIADDR_DNS6] = AF_INET6 };
	struct addrinfo wanted = { .ai_family = family[a->host], .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV }, *found;
	char port[8];
	int rc, n = 0;

	snprintf(port, sizeof port, "%u", (unsigned)a->port);
	if ((rc = getaddrinfo(a->name, port, &wanted, &found)) != 0)
		return err_set(ERR_SYSTEM, "%s: %s", a->name, gai_strerror(rc));
	for (struct addrinfo *f = found; f && n < ADDRESS_MAX; f = f->ai_next) {
		if (f->ai_addrlen > sizeof to->to)
			continue;
		memcpy(&to[n].to, f->ai_addr, f->ai_addrlen);
		to[n++].n = f->ai_addrlen;
	}
	freeaddrinfo(found);
	return n > 0 ? n : err_set(ERR_SYSTEM, "%s: has no address", a->name);
}

int
address_find(struct address to[ADDRESS_MAX], const struct multiaddr *a)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&to->to;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&to->to;

	memset(to, 0, ADDRESS_MAX * sizeof *to);
	switch (a->host) {
	case MULTIADDR_IP4:
		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->ip, 4);
		to->n = sizeof *in;
		return 1;
	case MULTIADDR_IP6:
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(a->port);
		memcpy(&in6->sin6_addr, a->ip, 16);
		to->n = sizeof *in6;
		return 1;
	case MULTIADDR_UNIX:
		return find_unix(to, a->name);
	default:
		return find_name(to, a);
	}
}

int
address_to_multiaddr(struct multiaddr *a, const struct sockaddr_storage *from, socklen_t n)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
	const struct sockaddr_un *u = (const struct sockaddr_un *)from;

	*a = (struct multiaddr){ 0 };
	if (from->ss_family == AF_INET) {
		a->host = MULTIADDR_IP4;
		memcpy(a->ip, &in->sin_addr, 4);
		a->port = ntohs(in->sin_port);
	} else if (from->ss_family == AF_INET6) {
		a->host = MULTIADDR_IP6;
		memcpy(a->ip, &in6->sin6_addr, 16);
		a->port = ntohs(in6->sin6_port);
	} else if (from->ss_family == AF_UNIX && n > offsetof(struct sockaddr_un, sun_path) && u->sun_path[0] == '/') {
		a->host = MULTIADDR_UNIX;
		snprintf(a->name, sizeof a->name, "%.*s", (int)sizeof u->sun_path, u->sun_path);
	} else {
		return err_set(ERR_DATA, "an address that has no name");
	}
	return 0;
}

/*
 * What is written goes out at once. BBR sends packets at the pace of what it saw come through, pauses included: where frames
 * of 20 KB are apart, each takes nearly a round trip longer. So `bursts` go by another congestion control where BBR is the system's
 * choice, which must be before the socket connects or listens: the pace of a socket that began with BBR stays.
 */
static void
send_at_once(int fd, bool bursts)
{
	static const char *const other[] = { "cubic", "reno" }; /* reno is there for all users */
	char name[16] = "";
	socklen_t n = sizeof name - 1;
	int one = 1, rc = -1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (!bursts || getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &n) != 0 || strncmp(name, "bbr", 3) != 0)
		return;
	for (size_t i = 0; i < sizeof other / sizeof *other && rc < 0; i++)
		rc = setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, other[i], (socklen_t)strlen(other[i]));
}

/* Removes a socket that nobody listens at. */
static void
remove_dead(const struct address *a, const char *path)
{
	int fd;

	if (address_connect(a, false, &fd) == 0)
		close(fd);
	else if (errno == ECONNREFUSED)
		unlink(path);
}

int
address_listen(const struct multiaddr *a, bool bursts)
{
	struct address to[ADDRESS_MAX];
	int one = 1, fd;

	if (address_find(to, a) < 0)
		return -1;
	if ((fd = socket(to->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) < 0)
		return err_sys("no socket");
	if (a->host == MULTIADDR_UNIX)
		remove_dead(to, a->name);
	else
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (to->to.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	if (to->to.ss_family != AF_UNIX)
		send_at_once(fd, bursts);
	if (bind(fd, (const struct sockaddr *)&to->to, to->n) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	err_sys("cannot listen");
	close(fd);
	return -1;
}

int
address_connect(const struct address *a, bool bursts, int *fd)
{
	if ((*fd = socket(a->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) < 0)
		return err_sys("no socket");
	if (a->to.ss_family != AF_UNIX)
		send_at_once(*fd, bursts);
	if (connect(*fd, (const struct sockaddr *)&a->to, a->n) == 0 || errno == EINPROGRESS)
		return 0;
	err_sys("cannot connect");
	close(*fd);
	return -1;
}
