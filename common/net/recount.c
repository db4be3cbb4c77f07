#include "net/recount.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"

extern char **environ;

/* ---- the command ---- */

static int
open_at(const char *path, off_t offset)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && lseek(fd, offset, SEEK_SET) == offset)
		return fd;
	err_sys("%s", path);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Hidden states that went in another type come out of the link as f32. */
static int
copy_frames(struct stream_reader *from, const struct stream_header *h, int to)
{
	struct stream_header plain = *h;
	struct rows space = { 0 };
	struct frame f;
	int rc;

	if (h->kind == STREAM_HIDDEN)
		plain.dtype = STREAM_F32;
	rc = stream_write_header(to, &plain, "a temporary file") < 0 ? -1 : 1;
	while (rc > 0 && (rc = stream_read(from, &f)) > 0) {
		const struct frame *own = rows_convert(&space, &f, h->width, h->dtype, plain.dtype);
		if (!own || stream_write(to, own, false, "a temporary file") < 0)
			rc = -1;
	}
	rows_free(&space);
	return rc < 0 ? -1 : stream_write(to, &(struct frame){ .type = FRAME_END }, false, "a temporary file");
}

/* What the command is to read, in a file that has no name any more. A descriptor, or -1 with a reason. */
static int
make_input(const char *path, off_t offset, struct stream_header *h)
{
	FILE *file = tmpfile();
	int from = open_at(path, offset), fd = -1;
	struct stream_reader *r = from < 0 ? NULL : stream_reader_new(from, path);

	if (!file)
		err_sys("a temporary file");
	else if (r && stream_read_header(r, h) <= 0)
		err_set(ERR_DATA, "%s: no stream", path);
	else if (r && copy_frames(r, h, fileno(file)) == 0 && (fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 3)) < 0)
		err_sys("a temporary file");
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	stream_reader_free(r);
	if (from >= 0)
		close(from);
	if (file)
		fclose(file);
	return fd;
}

/* *from: its stdout. */
static int
spawn(pid_t *pid, const char *command, int in, int *from)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)(uintptr_t)command, NULL }; /* are only read */
	posix_spawn_file_actions_t files;
	int pipes[2], rc;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys("a pipe");
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, pipes[1], STDOUT_FILENO);
	rc = posix_spawnp(pid, argv[0], &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	close(pipes[1]);
	*from = pipes[0];
	return rc == 0 ? 0 : err_set(ERR_SYSTEM, "sh: %s", strerror(rc));
}

static int
start(struct recount *r, const char *path, off_t offset, const char *command)
{
	int in = make_input(path, offset, &r->in), rc;

	if (in < 0)
		return -1;
	rc = spawn(&r->pid, command, in, &r->fd_answer);
	close(in);
	if (rc < 0)
		return -1;
	r->answer = stream_reader_new(r->fd_answer, "the command");
	return r->answer && stream_read_header(r->answer, &r->out) > 0 ? 0 : err_set(ERR_DATA, "the command gives no stream");
}

/* ---- counting ---- */

int
recount_begin(struct recount *r, const char *path, off_t offset, const char *command, const struct meter_about *a, enum stream_dtype wire,
    const struct recount_salt *salt, size_t n_salts)
{
	struct meter_about about = *a;
	struct stream_header h;

	*r = (struct recount){ .fd_record = -1, .fd_answer = -1, .salt = salt, .n_salts = n_salts };
	if (start(r, path, offset, command) < 0)
		return -1;
	if (r->out.kind == STREAM_HIDDEN)
		r->out.dtype = r->in.kind == STREAM_HIDDEN ? r->in.dtype : wire;
	about.in = r->in;
	about.out = r->out;
	if ((r->fd_record = open_at(path, offset)) < 0 || !(r->record = stream_reader_new(r->fd_record, path)) || stream_read_header(r->record, &h) <= 0)
		return -1;
	return (r->meter = meter_new(&about)) ? 0 : -1;
}

/* The answer to the frame of rows that was read. */
static int
take_answer(struct recount *r)
{
	const struct frame *own;
	struct frame f;
	int rc;

	while ((rc = stream_read(r->answer, &f)) > 0 && f.type != FRAME_ROWS)
		;
	if (rc <= 0)
		return rc < 0 ? -1 : err_set(ERR_DATA, "the command answers too few frames");
	own = rows_convert(&r->space, &f, r->out.width, STREAM_F32, r->out.kind == STREAM_HIDDEN ? r->out.dtype : STREAM_F32);
	return own && meter_came(r->meter, own) == 0 ? 1 : -1;
}

int
recount_step(struct recount *r)
{
	struct frame f;
	int rc;

	while (!r->ended && (rc = stream_read(r->record, &f)) > 0) {
		if (r->salt && (f.type == FRAME_OPEN || f.type == FRAME_FORK)) {
			if (r->used == r->n_salts)
				return err_set(ERR_DATA, "more sequences than salts");
			meter_next(r->meter, r->salt[r->used].sequence, &r->salt[r->used].salt);
			r->used++;
		}
		if (meter_sent(r->meter, &f) < 0)
			return -1;
		if (f.type == FRAME_ROWS)
			return take_answer(r);
	}
	r->ended = true;
	return 0;
}

void
recount_end(struct recount *r)
{
	meter_free(r->meter);
	stream_reader_free(r->record);
	stream_reader_free(r->answer);
	if (r->fd_record >= 0)
		close(r->fd_record);
	if (r->fd_answer >= 0)
		close(r->fd_answer);
	if (r->pid > 0)
		while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
			;
	rows_free(&r->space);
}
