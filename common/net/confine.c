#include "net/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/msg.h"
#include "net/noise.h"

#if defined __x86_64__
#define ARCH AUDIT_ARCH_X86_64
#define OTHER_ABI 0x40000000u /* numbers of x32 begin here */
#elif defined __aarch64__
#define ARCH AUDIT_ARCH_AARCH64
#endif

#if defined ARCH && !defined MAI_UNCONFINED

/* Whatever their arguments. Processors differ in which of a kind they have. */
static const int allowed[] = {
	SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_recvfrom, SYS_sendto, SYS_recvmsg, SYS_sendmsg, SYS_lseek, SYS_close,
	SYS_fstat, SYS_newfstatat, /* glibc asks the one for the other */
	SYS_accept4, SYS_connect, SYS_shutdown, SYS_getsockopt, SYS_setsockopt, SYS_getsockname, SYS_getpeername,
	SYS_epoll_ctl, SYS_epoll_pwait, SYS_ppoll, SYS_futex, SYS_sched_yield,
	SYS_munmap, SYS_mremap, SYS_brk, SYS_madvise, SYS_getrandom,
	SYS_clock_gettime, SYS_clock_nanosleep, SYS_gettimeofday, SYS_nanosleep,
	SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_restart_syscall, SYS_getpid, SYS_gettid, SYS_wait4, SYS_exit, SYS_exit_group,
#ifdef SYS_epoll_wait
	SYS_epoll_wait,
#endif
#ifdef SYS_epoll_pwait2
	SYS_epoll_pwait2,
#endif
#ifdef SYS_poll
	SYS_poll,
#endif
#ifdef SYS_time
	SYS_time,
#endif
};

enum {
	MOST = 256,
	SOCK_TYPE = 0xf, /* of socket(2); the other bits are flags */
};

struct program {
	struct sock_filter at[MOST];
	unsigned short n;
};

static void
put(struct program *p, unsigned code, uint32_t k, unsigned yes, unsigned no)
{
	p->at[p->n++] = (struct sock_filter){ (uint16_t)code, (uint8_t)yes, (uint8_t)no, k }; /* all small */
}

static void
load(struct program *p, size_t offset)
{
	put(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void
end(struct program *p, uint32_t action)
{
	put(p, BPF_RET | BPF_K, action, 0, 0);
}

static const uint32_t denied = SECCOMP_RET_ERRNO | EPERM;

/* The low half of an argument; all that are looked at are int. */
static void
load_argument(struct program *p, unsigned i)
{
	load(p, offsetof(struct seccomp_data, args) + 8 * i); /* little endian */
}

enum { VALUES = 2 };

/* What the bits of `mask` of an argument must be: one of n values. */
struct must {
	unsigned argument;
	uint32_t mask;
	unsigned n;
	uint32_t value[VALUES];
};

/* Allows a call whose arguments are as they must be. Several rules for one call are alternatives. */
static void
allow_if(struct program *p, int call, const struct must *m, size_t n)
{
	unsigned begin = p->n, last;

	put(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 0);
	for (size_t i = 0; i < n; i++) {
		load_argument(p, m[i].argument);
		put(p, BPF_ALU | BPF_AND | BPF_K, m[i].mask, 0, 0);
		for (unsigned k = 0; k < m[i].n; k++)
			put(p, BPF_JMP | BPF_JEQ | BPF_K, m[i].value[k], m[i].n - k, 0); /* behind the jump */
		put(p, BPF_JMP | BPF_JA, 0, 0, 0);
	}
	end(p, SECCOMP_RET_ALLOW);
	last = p->n;
	load(p, offsetof(struct seccomp_data, nr)); /* for the rules that follow */
	p->at[begin].jf = (uint8_t)(last - begin);  /* behind it: small */
	for (unsigned i = begin; i < last; i++)
		if (p->at[i].code == (BPF_JMP | BPF_JA))
			p->at[i].k = last - i - 1;
}

static void
write_program(struct program *p)
{
	const uint32_t self = (uint32_t)getpid(), whole = UINT32_MAX; /* a pid is positive */
	const struct must stream_of_ip[] = { { 0, whole, 2, { AF_INET, AF_INET6 } }, { 1, SOCK_TYPE, 1, { SOCK_STREAM } } };
	const struct must set_flags[] = { { 1, whole, 1, { F_SETFL } }, { 2, O_ASYNC, 1, { 0 } } };

	load(p, offsetof(struct seccomp_data, arch));
	put(p, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	end(p, SECCOMP_RET_KILL_PROCESS);
	load(p, offsetof(struct seccomp_data, nr));
#ifdef OTHER_ABI
	put(p, BPF_JMP | BPF_JGE | BPF_K, OTHER_ABI, 0, 1);
	end(p, SECCOMP_RET_KILL_PROCESS);
#endif
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
		put(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)allowed[i], 0, 1);
		end(p, SECCOMP_RET_ALLOW);
	}
	allow_if(p, SYS_mmap, &(struct must){ 2, PROT_EXEC, 1, { 0 } }, 1);
	allow_if(p, SYS_mprotect, &(struct must){ 2, PROT_EXEC, 1, { 0 } }, 1);
	allow_if(p, SYS_tgkill, &(struct must){ 0, whole, 1, { self } }, 1); /* raise(3) and abort(3) */
	allow_if(p, SYS_socket, stream_of_ip, 2);
	/* F_SETOWN and F_SETSIG would send any signal to any process of the user, O_ASYNC one to those at a terminal */
	allow_if(p, SYS_fcntl, &(struct must){ 1, whole, 2, { F_GETFL, F_GETFD } }, 1);
	allow_if(p, SYS_fcntl, set_flags, 2);
	end(p, denied);
}

static void
install(void)
{
	static struct program p;
	struct sock_fprog prog;

	write_program(&p);
	prog = (struct sock_fprog){ .len = p.n, .filter = p.at };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		msg_info("not confined: %s", strerror(errno));
}

#else

static void
install(void)
{
	msg_info("not confined: this build can't be");
}

#endif

int
confine(void)
{
	if (noise_prepare() < 0)
		return -1;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys("a process that leaves no core");
	install();
	return 0;
}
