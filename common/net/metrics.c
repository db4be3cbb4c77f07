#include "net/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "net/address.h"

enum {
	MOST_REQUEST = 4096,
	MOST_READERS = 16,   /* at a time: who is slow must not keep descriptors */
};
#define PATIENCE ((uint64_t)5000000000)

struct reader {
	struct metrics *of;
	struct reader *next, **link;
	struct loop_fd fd;
	struct loop_timer end;
	char request[MOST_REQUEST];
	size_t n;
	struct buf answer;
	size_t sent;
};

struct metrics {
	struct loop *loop;
	struct loop_fd fd;
	int (*print)(void *arg, struct buf *to);
	void *arg;
	struct reader *first;
	size_t n;
};

int
metrics_line(struct buf *to, const char *name, const char *kind, const char *help, uint64_t value)
{
	return buf_printf(to, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, kind, name, (unsigned long long)value);
}

static void
reader_free(struct reader *r)
{
	loop_remove(r->of->loop, &r->fd);
	loop_cancel(&r->end);
	close(r->fd.fd);
	*r->link = r->next;
	if (r->next)
		r->next->link = r->link;
	r->of->n--;
	buf_free(&r->answer);
	free(r);
}

static int
make_answer(struct reader *r)
{
	struct buf body = { 0 };
	bool known = strncmp(r->request, "GET /metrics ", 13) == 0 || strncmp(r->request, "GET /metrics?", 13) == 0;
	int rc = known ? r->of->print(r->of->arg, &body) : buf_printf(&body, "look at /metrics\n");

	if (rc == 0)
		rc = buf_printf(&r->answer, "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
		    known ? "200 OK" : "404 Not Found", body.len);
	if (rc == 0)
		rc = buf_add(&r->answer, body.data, body.len);
	buf_free(&body);
	return rc;
}

static void
ready(void *arg, unsigned what)
{
	struct reader *r = arg;
	ssize_t n;

	(void)what;
	if (r->answer.len == 0) {
		n = recv(r->fd.fd, r->request + r->n, sizeof r->request - 1 - r->n, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n > 0)
			r->n += (size_t)n; /* positive */
		r->request[r->n] = '\0';
		if (n <= 0 || (!strstr(r->request, "\r\n\r\n") && r->n == sizeof r->request - 1)) {
			reader_free(r);
			return;
		}
		if (!strstr(r->request, "\r\n\r\n"))
			return;
		if (make_answer(r) < 0) {
			reader_free(r);
			return;
		}
	}
	n = send(r->fd.fd, r->answer.data + r->sent, r->answer.len - r->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0)
		r->sent += (size_t)n; /* positive */
	if ((n < 0 && errno != EAGAIN && errno != EINTR) || r->sent == r->answer.len || loop_want(r->of->loop, &r->fd, LOOP_WRITE) < 0)
		reader_free(r);
}

static void
too_late(void *arg)
{
	reader_free(arg);
}

static void
arrives(void *arg, unsigned what)
{
	struct metrics *m = arg;
	int fd = accept4(m->fd.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct reader *r;

	(void)what;
	if (fd < 0)
		return;
	if (m->n >= MOST_READERS || !(r = mem_alloc(1, sizeof *r))) {
		close(fd);
		return;
	}
	r->of = m;
	r->fd = (struct loop_fd){ .fd = fd, .ready = ready, .arg = r };
	r->end = (struct loop_timer){ .call = too_late, .arg = r };
	r->next = m->first;
	r->link = &m->first;
	if (m->first)
		m->first->link = &r->next;
	m->first = r;
	m->n++;
	loop_at(m->loop, &r->end, loop_now(m->loop) + PATIENCE);
	if (loop_want(m->loop, &r->fd, LOOP_READ) < 0)
		reader_free(r);
}

struct metrics *
metrics_new(struct loop *l, const struct multiaddr *a, int (*print)(void *arg, struct buf *to), void *arg)
{
	struct metrics *m = mem_alloc(1, sizeof *m);
	char text[MULTIADDR_TEXT];

	if (!m)
		return NULL;
	*m = (struct metrics){ .loop = l, .fd = { .fd = -1, .ready = arrives, .arg = m }, .print = print, .arg = arg };
	if ((m->fd.fd = address_listen(a, false)) < 0 || loop_want(l, &m->fd, LOOP_READ) < 0) {
		err_wrap("%s", multiaddr_text(a, text));
		metrics_free(m);
		return NULL;
	}
	return m;
}

void
metrics_free(struct metrics *m)
{
	if (!m)
		return;
	while (m->first)
		reader_free(m->first);
	loop_remove(m->loop, &m->fd);
	if (m->fd.fd >= 0)
		close(m->fd.fd);
	free(m);
}
