#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

#include "probes.h"
#include "process.h"
#include "session.h"

/* Nobody connected: so often we look whether the socket is still ours. */
#define AWAIT_LOOK_MS 2000
/* An earlier client's thread may need the GIL to put things back. */
#define HANDOVER_WAIT_MS 1000
#define STEP_NS 50000
#define BACKLOG 4
/* Finalizers of the program may run in our thread: it has as much stack as the program's own,
 * and enough for us where the program's are tiny. */
#define STACK_BYTES_MIN (1ul << 20)

enum doing {
    NOTHING, /* there is no thread */
    AWAITING,
    SERVING,
};

/* One for each process.  `lock` guards what is above `session`; nobody who holds it waits for
 * the GIL. */
static struct {
    pthread_mutex_t lock;
    enum doing doing;
    int is_listening; /* there is a socket to await clients at */
    int should_end;
    int is_paused;  /* the thread ended for a fork: start it again */
    pid_t last_tid; /* of the thread, or of the last one: it may be on its way out */
    lk_descriptor listener;
    lk_descriptor wake[2]; /* a pair of sockets: the second ends the wait at the first */
    lk_session session;    /* the thread's own */
} server = {.lock = PTHREAD_MUTEX_INITIALIZER,
            .listener = {.fd = -1},
            .wake = {{.fd = -1}, {.fd = -1}},
            .session = {.socket = {.fd = -1}, .spare = {.fd = -1}, .request.file = {.fd = -1}}};

static void
rest(void)
{
    struct timespec step = {0, STEP_NS};
    nanosleep(&step, NULL);
}

/* Are the socket to await clients at and what wakes the thread there all that they were? */
static int
is_equipped(void)
{
    return lk_descriptor_is_ours(&server.listener) && lk_descriptor_is_ours(&server.wake[0]) &&
           lk_descriptor_is_ours(&server.wake[1]);
}

/* End the wait for a client.  No signal comes of it, whatever the program has closed. */
static int
wake_thread(void)
{
    return lk_descriptor_is_ours(&server.wake[1]) &&
           send(server.wake[1].fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
}

/* ---- the thread ---- */

/* Is who connected our own user, or root?  Owner-only folders say so too. */
static int
is_welcome(int fd)
{
    struct ucred peer;
    socklen_t n = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

/* Wait for a client and take it in.  1 when there is one to serve. */
static int
await_client(void)
{
    struct pollfd wait[2] = {{.fd = server.listener.fd, .events = POLLIN},
                             {.fd = server.wake[0].fd, .events = POLLIN}};
    int ready = poll(wait, 2, AWAIT_LOOK_MS);
    if (ready <= 0 || wait[0].revents == 0 || !lk_descriptor_is_ours(&server.listener)) {
        return 0;
    }
    int fd = accept4(server.listener.fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0 || !is_welcome(fd)) {
        if (fd >= 0) {
            close(fd);
        } else {
            rest(); /* no descriptor left, perhaps: do not spin */
        }
        return 0;
    }
    server.session.socket = lk_descriptor_of(fd);
    return 1;
}

/* Nobody is awaited any more.  The lock is held. */
static void
close_listener(void)
{
    server.is_listening = 0;
    lk_descriptor_close(&server.listener);
    lk_descriptor_close(&server.wake[0]);
    lk_descriptor_close(&server.wake[1]);
}

/* May the thread go on awaiting?  Says what it does from now on, NOTHING when not. */
static enum doing
go_on(enum doing next)
{
    pthread_mutex_lock(&server.lock);
    if (next != NOTHING &&
        (server.should_end || server.is_paused || lk_is_finalizing() || !is_equipped())) {
        next = NOTHING;
    }
    server.doing = next;
    server.last_tid = lk_thread_number();
    if (next == NOTHING && !server.is_paused) {
        close_listener();
    }
    pthread_mutex_unlock(&server.lock);
    return next;
}

/* Serve one client and end, or with an argument await one after the other. */
static void *
thread_main(void *is_listener)
{
    pthread_setname_np(pthread_self(), "leakhunt");
    if (is_listener == NULL) {
        lk_session_run(&server.session, &server.listener);
        go_on(NOTHING);
        return NULL;
    }
    while (go_on(AWAITING) == AWAITING) {
        if (!await_client()) {
            continue;
        }
        if (go_on(SERVING) == SERVING) {
            lk_session_run(&server.session, &server.listener);
        } else {
            lk_descriptor_close(&server.session.socket);
        }
    }
    return NULL;
}

/* Start the thread, deaf to signals: they are for the program.  0, or an errno. */
static int
start_thread(int is_listener)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    size_t stack_bytes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_attr_getstacksize(&attributes, &stack_bytes) == 0 &&
        stack_bytes < STACK_BYTES_MIN) {
        pthread_attr_setstacksize(&attributes, STACK_BYTES_MIN);
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, &attributes, thread_main, is_listener ? &server : NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

/* ---- fork ---- */

/* Wait until the kernel counts the last thread no more.  A few microseconds, usually. */
static void
await_departure(void)
{
    for (int i = 0; server.last_tid != 0 && i < 1000; i++) {
        if (syscall(SYS_tgkill, getpid(), server.last_tid, 0) != 0) {
            break;
        }
        rest();
    }
}

/* The thread that only awaits a client makes no difference to a fork, but CPython would warn
 * of it, so it steps aside.  Only if there is no other beside the one that forks: otherwise
 * the warning comes anyway.  From another thread than the main one it cannot be brought back. */
static void
step_aside(void)
{
    pthread_mutex_lock(&server.lock);
    int is_needed = LK_FORK_WARNS_OF_THREADS && server.doing == AWAITING &&
                    lk_thread_number() == getpid() && lk_count_entries("/proc/self/task") == 2 &&
                    wake_thread();
    server.is_paused |= is_needed;
    pthread_mutex_unlock(&server.lock);
    for (int i = 0; is_needed && i < 1000; i++) {
        pthread_mutex_lock(&server.lock);
        is_needed = server.doing != NOTHING;
        pthread_mutex_unlock(&server.lock);
        if (is_needed) {
            rest();
        }
    }
    if (server.is_paused) {
        await_departure();
    }
}

/* A pending call: the fork is over, and the warning would have been given. */
static int
step_back(void *unused)
{
    char byte;
    (void)unused;
    pthread_mutex_lock(&server.lock);
    if (server.is_paused) {
        server.is_paused = 0;
        int is_well = is_equipped() && recv(server.wake[0].fd, &byte, 1, MSG_DONTWAIT) == 1;
        if (server.doing == NOTHING) { /* else it was too slow to leave, and stays */
            is_well = is_well && start_thread(1) == 0;
            server.doing = is_well ? AWAITING : NOTHING;
        }
        if (!is_well) {
            close_listener();
        }
    }
    pthread_mutex_unlock(&server.lock);
    return 0;
}

static void
before_fork(void)
{
    step_aside();
    pthread_mutex_lock(&server.lock);
}

static void
after_fork_in_parent(void)
{
    int is_paused = server.is_paused;
    pthread_mutex_unlock(&server.lock);
    if (is_paused && Py_AddPendingCall(step_back, NULL) < 0) {
        step_back(NULL);
    }
}

/* The child is not served: it has none of our threads and keeps none of our descriptors. */
static void
after_fork_in_child(void)
{
    pthread_mutex_init(&server.lock, NULL);
    server.doing = NOTHING;
    server.should_end = server.is_paused = 0;
    server.last_tid = 0;
    close_listener();
    lk_session_forget(&server.session);
    server.session.on_end = NULL; /* stays alive in the child, harmless */
    server.session.has_births = server.session.has_sites = server.session.has_probes = 0;
    lk_probes_forget();
    lk_mark_forget();
}

/* ---- begin and end ---- */

/* Is there a thread, and one that stays?  The lock is held. */
static int
is_taken(void)
{
    struct pollfd client = {.fd = server.session.socket.fd, .events = POLLIN};
    return server.doing == AWAITING ||
           (server.doing == SERVING && lk_descriptor_is_ours(&server.session.socket) &&
            !(poll(&client, 1, 0) > 0 && (client.revents & POLLHUP)));
}

/* Become the one who starts the thread.  0, or -1 when a client is there and stays.  Needs the
 * GIL, and lets go of it meanwhile: a thread on its way out may need it. */
static int
claim(enum doing next)
{
    static int has_fork_handlers;
    int is_free = 0, is_refused = 0;
    if (!has_fork_handlers) {
        has_fork_handlers =
            pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
    }
    PyThreadState *own = PyEval_SaveThread();
    for (int i = 0; !is_free && !is_refused && i < HANDOVER_WAIT_MS * 1000000 / STEP_NS; i++) {
        if (i > 0) {
            rest();
        }
        pthread_mutex_lock(&server.lock);
        is_free = server.doing == NOTHING && !server.is_paused;
        is_refused = is_taken();
        if (is_free) {
            server.doing = next;
            server.should_end = 0;
        }
        pthread_mutex_unlock(&server.lock);
    }
    PyEval_RestoreThread(own);
    return is_free ? 0 : -1;
}

/* Start the thread; on failure nobody has claimed it.  0, or an errno. */
static int
start_or_yield(int is_listener)
{
    int error = start_thread(is_listener);
    if (error != 0) {
        go_on(NOTHING);
    }
    return error;
}

/* Is it a connected Unix socket of type SEQPACKET? */
static int
is_channel(int fd)
{
    int domain = 0, type = 0;
    socklen_t n = sizeof(int);
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && domain == AF_UNIX &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_SEQPACKET;
}

int
lk_server_serve(int fd, PyObject *on_end, const char **why)
{
    if (!is_channel(fd)) {
        *why = "the descriptor is no Unix socket of type SEQPACKET";
        return -1;
    }
    if (claim(SERVING) < 0) {
        *why = "another client of leakhunt is connected to this process, or it awaits one";
        return -1;
    }
    server.session.socket = lk_descriptor_of(fd);
    server.session.is_prepared = 0;
    Py_XINCREF(on_end);
    server.session.on_end = on_end;
    if (start_or_yield(0) != 0) {
        *why = "no thread can be started";
        Py_CLEAR(server.session.on_end);
        server.session.socket = LK_NO_DESCRIPTOR;
        return -1;
    }
    return 0;
}

/* Make the socket and what wakes who waits at it.  0, or an errno. */
static int
open_listener(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int pair[2];
    if (strlen(path) >= sizeof(address.sun_path)) {
        return ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return errno;
    }
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, BACKLOG) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        int error = errno;
        close(fd);
        return error;
    }
    server.listener = lk_descriptor_of(fd);
    server.wake[0] = lk_descriptor_of(pair[0]);
    server.wake[1] = lk_descriptor_of(pair[1]);
    return 0;
}

int
lk_server_listen(const char *path, const char **why, int *error)
{
    *error = 0;
    if (server.is_listening || claim(AWAITING) < 0) {
        *why = "the agent is at work in this process";
        return -1;
    }
    server.session.is_prepared = 1;
    server.session.on_end = NULL;
    *error = open_listener(path);
    if (*error == 0) {
        server.is_listening = 1;
        *error = start_or_yield(1);
    } else {
        go_on(NOTHING);
    }
    *why = "clients cannot be awaited";
    return *error == 0 ? 0 : -1;
}

/* Ask the thread to end, if there is one. */
static void
ask_to_end(void)
{
    pthread_mutex_lock(&server.lock);
    if (server.doing == NOTHING) {
        server.is_paused = 0;
        close_listener();
    }
    server.should_end = 1;
    wake_thread(); /* else it looks after itself, every other second */
    if (server.doing == SERVING && lk_descriptor_is_ours(&server.session.socket)) {
        shutdown(server.session.socket.fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&server.lock);
}

void
lk_server_stop_listening(void)
{
    if (!server.is_listening) {
        return;
    }
    PyThreadState *own = PyEval_SaveThread();
    int is_over = 0;
    ask_to_end();
    while (!is_over) {
        rest();
        pthread_mutex_lock(&server.lock);
        is_over = server.doing == NOTHING;
        pthread_mutex_unlock(&server.lock);
    }
    await_departure();
    PyEval_RestoreThread(own);
}
