#include "net/listen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "net/address.h"
#include "net/conn_impl.h"
#include "net/keeper.h"

enum { AT_ONCE = 64 };
#define PAUSE (NODE_SECOND / 10) /* when the system has no descriptors left */

struct listener {
	struct node *node;
	struct conn_owner owner;
	struct loop_fd fd;
	struct loop_timer again;
	char *path; /* of a Unix socket */
};

static void
take(struct listener *l, int fd, const struct sockaddr_storage *from, socklen_t n)
{
	struct multiaddr a;
	char where[MULTIADDR_TEXT] = "a peer";
	struct conn_start start = { .incoming = true, .where = where };

	if (l->node->n_strangers >= l->node->max_strangers)
		conn_drop_stranger(l->node);
	if (address_to_multiaddr(&a, from, n) == 0)
		multiaddr_text(&a, where);
	conn_make(l->node, fd, fd, &start, &l->owner); /* without memory it is closed, which is all that can be done */
}

static void
ready(void *arg, unsigned what)
{
	struct listener *l = arg;

	(void)what;
	for (int i = 0; i < AT_ONCE; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t n = sizeof from;
		int fd = accept4(l->fd.fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			take(l, fd, &from, n);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			loop_want(l->node->loop, &l->fd, 0);
			loop_at(l->node->loop, &l->again, loop_now(l->node->loop) + PAUSE);
			return;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		}
	}
}

static void
again(void *arg)
{
	struct listener *l = arg;

	loop_want(l->node->loop, &l->fd, LOOP_READ);
}

/* Notes the address with the port that was given. */
static int
note_address(struct listener *l, const struct multiaddr *a)
{
	struct node *n = l->node;
	struct sockaddr_storage is = { 0 };
	socklen_t size = sizeof is;
	struct multiaddr real = *a;

	if (n->n_addresses == NODE_MAX_ADDRESSES)
		return err_set(ERR_USAGE, "more than %d addresses", NODE_MAX_ADDRESSES);
	if (a->host != MULTIADDR_UNIX && (getsockname(l->fd.fd, (struct sockaddr *)&is, &size) < 0 || address_to_multiaddr(&real, &is, size) < 0))
		return err_sys("a socket without an address");
	real.peer = peerid_of_key(n->key->public.bytes);
	n->address[n->n_addresses++] = real;
	return 0;
}

struct listener *
listen_new(struct node *n, const struct multiaddr *a, const struct conn_owner *owner)
{
	struct listener *l = mem_alloc(1, sizeof *l);
	char text[MULTIADDR_TEXT];

	if (!l)
		return NULL;
	*l = (struct listener){ .node = n, .owner = *owner, .fd = { .fd = -1, .ready = ready, .arg = l }, .again = { .call = again, .arg = l } };
	if ((l->fd.fd = address_listen(a, n->bursts)) < 0 || (a->host == MULTIADDR_UNIX && !(l->path = mem_strdup(a->name))) || note_address(l, a) < 0 || loop_want(n->loop, &l->fd, LOOP_READ) < 0) {
		err_wrap("%s", multiaddr_text(a, text));
		listen_free(l);
		return NULL;
	}
	return l;
}

void
listen_free(struct listener *l)
{
	if (!l)
		return;
	loop_remove(l->node->loop, &l->fd);
	loop_cancel(&l->again);
	if (l->fd.fd >= 0)
		close(l->fd.fd);
	if (l->path)
		keeper_remove(l->path);
	free(l->path);
	free(l);
}
