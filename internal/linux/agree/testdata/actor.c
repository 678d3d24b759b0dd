// One process of the system that the table is compared with. Each of its threads waits
// for commands in memory it shares with the test, does one system call for each, and
// answers with the result. Signal handlers note in the same memory which signals came.
//
// usage: actor SLOT PROC [TTY...]      (slot 0 is init and mounts proc at PROC)

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MEMORY_FD = 3, TTY_FD = 10, SLOTS = 1024 };

enum op {
	FORK = 1, EXEC, EXIT, SETSID, SETPGID, KILL, WAIT4, WAITID, SUBREAPER,
	SETTTY, DROPTTY, SETFOREGROUND, GETFOREGROUND, READTTY, WRITETTY, LIMIT,
	THREAD, ENDTHREAD
};

// The layout is known to system_test.go, too.
struct slot {
	uint32_t command, reply; // sequence numbers, futexes
	int32_t op, a, b, c;
	int32_t result, error;
	int32_t out[3];
	int32_t pid;
	uint64_t signals; // bit n: signal n came
	char pad[8];
};

static struct slot *slots;
static __thread int me;
static int process; // the slot of the main thread, where signals are noted
static char *self, *proc;

static void note(int sig) { __atomic_or_fetch(&slots[process].signals, 1ull << sig, __ATOMIC_SEQ_CST); }

static void handle(int sig, void (*how)(int))
{
	struct sigaction action = { .sa_handler = how }; // no SA_RESTART: EINTR must show
	sigaction(sig, &action, NULL);
}

static void handle_all(void)
{
	static const int noted[] = { SIGHUP, SIGCHLD, SIGCONT, SIGTTIN, SIGTTOU };
	for (unsigned i = 0; i < sizeof noted / sizeof *noted; i++)
		handle(noted[i], note);
}

static void futex(uint32_t *word, int what, uint32_t value)
{
	syscall(SYS_futex, word, what, value, NULL, NULL, 0);
}

static void answer(struct slot *s, uint32_t sequence, int result)
{
	s->error = result < 0 ? errno : 0;
	s->result = result;
	__atomic_store_n(&s->reply, sequence, __ATOMIC_SEQ_CST);
	futex(&s->reply, FUTEX_WAKE, INT_MAX);
}

static void come_up(void)
{
	__atomic_store_n(&slots[me].pid, gettid(), __ATOMIC_SEQ_CST);
	futex((uint32_t *)&slots[me].pid, FUTEX_WAKE, INT_MAX);
}

static int do_fork(struct slot *s)
{
	pid_t pid = fork();
	if (pid == 0) {
		me = process = s->a;
		come_up();
	}
	return pid;
}

static void obey(uint32_t last);

static void *thread(void *slot)
{
	me = (int)(intptr_t)slot;
	come_up();
	obey(0);
	return NULL;
}

static int do_thread(struct slot *s)
{
	pthread_t id;
	errno = pthread_create(&id, NULL, thread, (void *)(intptr_t)s->a);
	return errno ? -1 : 0;
}

static int do_exec(uint32_t sequence)
{
	char slot[16], last[16];
	snprintf(slot, sizeof slot, "%d", me);
	snprintf(last, sizeof last, "%u", sequence);
	return execl(self, self, slot, proc, last, (char *)NULL);
}

static int do_waitid(struct slot *s)
{
	siginfo_t info = { 0 };
	int result = waitid(s->a, s->b, &info, s->c);
	s->out[0] = info.si_pid;
	s->out[1] = info.si_code;
	s->out[2] = info.si_status;
	return result;
}

static int on_tty(struct slot *s)
{
	int fd = TTY_FD + s->a, result = -1;
	int sig = s->op == READTTY ? SIGTTIN : SIGTTOU;
	pid_t pgid = s->b;
	char byte = 'x';
	if (s->c)
		handle(sig, SIG_IGN);
	switch (s->op) {
	case READTTY: result = read(fd, &byte, 1); break;
	case WRITETTY: result = write(fd, &byte, 1); break;
	case SETFOREGROUND: result = ioctl(fd, TIOCSPGRP, &pgid); break;
	}
	int saved = errno;
	if (s->c)
		handle(sig, note);
	errno = saved;
	return result;
}

static int set_limit(struct slot *s)
{
	char path[PATH_MAX], text[16];
	snprintf(path, sizeof path, "%s/sys/kernel/pid_max", proc);
	int fd = open(path, O_WRONLY), n = snprintf(text, sizeof text, "%d", s->a);
	if (fd < 0)
		return -1;
	int result = write(fd, text, n) == n ? 0 : -1, saved = errno;
	close(fd);
	errno = saved;
	return result;
}

static int run(struct slot *s, uint32_t sequence)
{
	pid_t pgid = 0;
	int result;
	switch (s->op) {
	case FORK: return do_fork(s);
	case EXEC: return do_exec(sequence);
	case EXIT: _exit(s->a);
	case SETSID: return setsid();
	case SETPGID: return setpgid(s->a, s->b);
	case KILL: return kill(s->a, s->b);
	case WAIT4: return wait4(s->a, s->out, s->b, NULL);
	case WAITID: return do_waitid(s);
	case SUBREAPER: return prctl(PR_SET_CHILD_SUBREAPER, s->a);
	case SETTTY: return ioctl(TTY_FD + s->a, TIOCSCTTY, (long)s->b);
	case DROPTTY: return ioctl(TTY_FD + s->a, TIOCNOTTY);
	case GETFOREGROUND:
		result = ioctl(TTY_FD + s->a, TIOCGPGRP, &pgid);
		s->out[0] = pgid;
		return result;
	case SETFOREGROUND: case READTTY: case WRITETTY: return on_tty(s);
	case LIMIT: return set_limit(s);
	case THREAD: return do_thread(s);
	case ENDTHREAD: return syscall(SYS_exit, s->a); // of this thread alone
	}
	errno = ENOSYS;
	return -1;
}

static void prepare_init(int ttys, char **paths)
{
	struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_CORE, &none);
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("proc", proc, "proc", 0, NULL)) {
		perror("mount");
		exit(1);
	}
	for (int i = 0; i < ttys; i++) {
		int fd = open(paths[i], O_RDWR | O_NOCTTY | O_NONBLOCK);
		if (fd < 0 || dup2(fd, TTY_FD + i) < 0) {
			perror(paths[i]);
			exit(1);
		}
		close(fd);
	}
}

static void obey(uint32_t last)
{
	for (;;) {
		struct slot *s = &slots[me];
		uint32_t now = __atomic_load_n(&s->command, __ATOMIC_SEQ_CST);
		if (now == last) {
			futex(&s->command, FUTEX_WAIT, last);
			continue;
		}
		last = now;
		int before = me, result = run(s, now);
		if (me != before) { // the child of a fork
			last = 0; // no slot is used twice
			continue;
		}
		answer(s, now, result);
	}
}

int main(int argc, char **argv)
{
	self = argv[0]; // not /proc/self/exe, which is gone once the main thread has ended
	slots = mmap(NULL, SLOTS * sizeof *slots, PROT_READ | PROT_WRITE, MAP_SHARED, MEMORY_FD, 0);
	if (argc < 3 || slots == MAP_FAILED)
		return 1;
	me = process = atoi(argv[1]);
	proc = argv[2];
	handle_all();
	uint32_t last = 0;
	if (slots[me].pid) { // after an exec
		last = strtoul(argv[3], NULL, 10);
		answer(&slots[me], last, 0);
	} else {
		prepare_init(argc - 3, argv + 3);
		come_up();
	}
	obey(last);
}
