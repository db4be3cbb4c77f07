#include "net/child.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "net/keeper.h"

static struct child *first;
static struct loop *loop;
static struct loop_fd news;
static void (*keeper_lost)(void);

int
child_start(struct child *c, void (*gone)(void *arg, struct child *c), void *arg)
{
	*c = (struct child){ .to = -1, .from = -1, .gone = gone, .arg = arg };
	if (keeper_run(&c->pid, &c->to, &c->from) < 0) {
		c->pid = 0;
		return -1;
	}
	c->next = first;
	c->link = &first;
	if (first)
		first->link = &c->next;
	first = c;
	if (fcntl(c->to, F_SETFL, O_NONBLOCK) == 0 && fcntl(c->from, F_SETFL, O_NONBLOCK) == 0)
		return 0;
	err_sys("a pipe");
	child_forget(c);
	close(c->to);
	close(c->from);
	return -1;
}

void
child_signal(struct child *c, int sig)
{
	if (c->pid > 0 && !c->ended)
		keeper_signal(c->pid, sig);
}

void
child_forget(struct child *c)
{
	if (!c->link)
		return;
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->link = NULL;
}

static void
ended(pid_t pid, int status)
{
	struct child *c = first;

	while (c && c->pid != pid)
		c = c->next;
	if (!c)
		return;
	child_forget(c);
	c->ended = true;
	c->status = status;
	if (c->gone)
		c->gone(c->arg, c);
}

static void
ready(void *arg, unsigned what)
{
	pid_t pid;
	int status, rc;

	(void)arg;
	(void)what;
	while ((rc = keeper_ended(&pid, &status)) > 0)
		ended(pid, status);
	if (rc < 0) {
		loop_remove(loop, &news);
		keeper_lost();
	}
}

int
child_watch(struct loop *l, void (*lost)(void))
{
	loop = l;
	keeper_lost = lost;
	news = (struct loop_fd){ .fd = keeper_news(), .ready = ready };
	return loop_want(l, &news, LOOP_READ);
}
