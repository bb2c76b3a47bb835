#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "fork.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "procfs.h"

#ifndef SYS_close_range
#define SYS_close_range 436 /* the same on all architectures */
#endif
#define NICE_STEP 10
#define FIRST_KILLED "1000" /* the highest oom_score_adj */

typedef uint64_t kernel_sigset; /* as the kernel has it: glibc's hides the signals it uses */

/* Swap the signal mask of this thread. */
static void
set_mask(const kernel_sigset *mask, kernel_sigset *old)
{
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, mask, old, sizeof(*mask));
}

/* Close one after the other, where the kernel (before 5.9) or a filter has no close_range. */
static void
close_one_by_one(unsigned keep)
{
    char text[4096];
    lk_proc_read("/proc/self/status", text, sizeof(text));
    uint64_t end = lk_proc_number(text, "FDSize:");
    end = end == LK_NO_NUMBER ? 65536 : end;
    for (unsigned fd = 0; fd < end; fd++) {
        if (fd != keep) {
            close((int)fd);
        }
    }
}

/* Close every descriptor but one. */
static void
close_all_but(unsigned keep)
{
    if ((keep > 0 && syscall(SYS_close_range, 0u, keep - 1, 0u) != 0) ||
        syscall(SYS_close_range, keep + 1, ~0u, 0u) != 0) {
        close_one_by_one(keep);
    }
}

/* The kernel ends this process at the deadline, whatever it waits for. */
static void
set_deadline(unsigned seconds)
{
    struct sigaction by_default = {.sa_handler = SIG_DFL};
    struct itimerval once = {.it_value = {.tv_sec = (time_t)seconds}};
    kernel_sigset all_but_alarm = ~((kernel_sigset)1 << (SIGALRM - 1));
    sigaction(SIGALRM, &by_default, NULL);
    set_mask(&all_but_alarm, NULL);
    setitimer(ITIMER_REAL, &once, NULL);
}

/* Make the child harmless.  First what others wait for. */
static void
settle_in(pid_t parent, int keep_fd, unsigned deadline_s)
{
    struct sched_param plain = {0};
    close_all_but((unsigned)keep_fd);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1); /* it died before we asked */
    }
    set_deadline(deadline_s);
    lk_proc_write("/proc/self/oom_score_adj", FIRST_KILLED);
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NAME, "leakhunt");
    sched_setscheduler(0, SCHED_BATCH, &plain); /* the program may run in real time */
    setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICE_STEP);
}

pid_t
lk_fork(int keep_fd, unsigned deadline_s)
{
    kernel_sigset all = ~(kernel_sigset)0, before = 0;
    pid_t parent = getpid();
    set_mask(&all, &before); /* no handler of the program may run in the child */
    pid_t pid = (pid_t)syscall(SYS_clone, 0ul, NULL, NULL, NULL, 0ul);
    if (pid == 0) {
        settle_in(parent, keep_fd, deadline_s);
        return 0;
    }
    int error = errno;
    set_mask(&before, NULL);
    errno = error;
    return pid;
}

enum lk_child_end
lk_fork_wait(pid_t pid)
{
    int status = 0;
    pid_t reaped;
    do {
        reaped = waitpid(pid, &status, __WCLONE);
    } while (reaped < 0 && errno == EINTR);
    if (reaped != pid || WIFEXITED(status)) {
        return LK_CHILD_LEFT;
    }
    switch (WTERMSIG(status)) {
    case SIGALRM:
        return LK_CHILD_TIMED_OUT;
    case SIGKILL:
        return LK_CHILD_KILLED;
    default:
        return LK_CHILD_CRASHED;
    }
}
