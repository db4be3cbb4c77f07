#include "base/ahead.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"

enum { PIECE = 1 << 17, PIECES = 2 }; /* that stay in the cache */

struct ahead {
	int fd, error; /* errno of the read that failed */
	uint8_t *piece[PIECES];
	ssize_t n[PIECES];
	sem_t read, free; /* pieces that are */
};

/* A shorter piece than all, or -1, is the last. */
static void
read_piece(struct ahead *a, unsigned i)
{
	a->n[i] = io_read(a->fd, a->piece[i], PIECE, "");
	if (a->n[i] < 0)
		a->error = errno;
}

static void
down(sem_t *s)
{
	while (sem_wait(s) < 0)
		; /* EINTR */
}

static void *
reader(void *arg)
{
	struct ahead *a = arg;
	unsigned i = 0;

	do {
		i = (i + 1) % PIECES;
		down(&a->free);
		read_piece(a, i);
		sem_post(&a->read);
	} while (a->n[i] == PIECE);
	return NULL;
}

/* The first piece is read. */
static void
each(struct ahead *a, bool threaded, void (*f)(void *arg, const uint8_t *piece, size_t n), void *arg)
{
	for (unsigned i = 0;;) {
		if (a->n[i] > 0)
			f(arg, a->piece[i], (size_t)a->n[i]);
		if (a->n[i] < PIECE)
			return;
		if (threaded)
			sem_post(&a->free);
		i = (i + 1) % PIECES;
		if (threaded)
			down(&a->read);
		else
			read_piece(a, i);
	}
}

int
ahead_read(int fd, const char *name, void (*f)(void *arg, const uint8_t *piece, size_t n), void *arg)
{
	uint8_t *room = mem_alloc64(PIECES * PIECE, 1);
	struct ahead a = { .fd = fd };
	pthread_t thread;
	bool threaded = false;

	if (!room)
		return -1;
	for (unsigned i = 0; i < PIECES; i++)
		a.piece[i] = room + i * PIECE;
	sem_init(&a.read, 0, 0);
	sem_init(&a.free, 0, PIECES - 1);
	read_piece(&a, 0);
	if (a.n[0] == PIECE)
		threaded = pthread_create(&thread, NULL, reader, &a) == 0;
	each(&a, threaded, f, arg);
	if (threaded)
		pthread_join(thread, NULL);
	sem_destroy(&a.read);
	sem_destroy(&a.free);
	free(room);
	errno = a.error;
	return a.error ? err_sys("%s: read", name) : 0;
}
