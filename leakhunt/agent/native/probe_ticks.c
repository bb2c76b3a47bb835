#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "probe_ticks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "descriptor.h"
#include "histogram.h"
#include "procfs.h"

#define FULL (UINT64_MAX - 1) /* an eventfd that counts so far takes no more */
#define EVENT "anon_inode:[eventfd]"
#define OTHERS_WAKES_MAX 16 /* that may be in an eventfd before we ring */

/* One loop. */
typedef struct {
    lk_descriptor bell;  /* our copy; none: the place is free */
    int is_event;        /* the bell is an eventfd, not a socket */
    uint64_t event;      /* then: the kernel's number of it */
    int is_full;         /* then: until the loop reads it */
    lk_descriptor heard; /* the reading end of a pipe: hung up when the loop took the byte */
    lk_descriptor token; /* the writing end, until it is sent */
    uint64_t rung_ns, next_ns;
    pid_t tid;
    int is_running; /* as seen at the last look */
    lk_histogram delays;
} loop;

static loop loops[LK_LOOPS_MAX];
static int has_events;      /* a full eventfd tells when it is read, as far as this kernel goes */
static uint32_t unmeasured; /* loops there was no place for, or whose bell is another thing */
static uint32_t randomness = 2463534242u;

/* Is the place in use?  Fresh from the loader its descriptors are 0, not -1. */
static int
is_taken(const loop *l)
{
    return l->tid != 0;
}

/* Until the next tick: not the same each time, so that it never keeps step with the program. */
static uint64_t
distance_ns(void)
{
    randomness ^= randomness << 13;
    randomness ^= randomness >> 17;
    randomness ^= randomness << 5;
    return LK_TICK_NS / 2 + randomness % LK_TICK_NS;
}

/* Send a byte, and a descriptor with it.  0, or an errno. */
static int
send_with(int to, int fd)
{
    union {
        struct cmsghdr aligned;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    char byte = 0;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &fd, sizeof(fd));
    return sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? 0 : errno;
}

/* Is it a connected Unix socket of type STREAM? */
static int
is_socket_bell(int fd)
{
    int domain = 0, type = 0;
    socklen_t n = sizeof(int);
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && domain == AF_UNIX &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_STREAM;
}

/* The kernel's number of an eventfd, which no other has while this one is open; LK_NO_NUMBER for
 * anything else, and where it cannot be looked up: that needs a free descriptor. */
static uint64_t
event_of(int fd)
{
    char path[48], text[512];
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    return lk_proc_read(path, text, sizeof(text)) > 0 ? lk_proc_number(text, "eventfd-id:")
                                                      : LK_NO_NUMBER;
}

/* Is it an eventfd?  Needs no descriptor. */
static int
is_event(int fd)
{
    char path[48], target[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(path, target, sizeof(target));
    return n == (ssize_t)strlen(EVENT) && memcmp(target, EVENT, (size_t)n) == 0;
}

/* Fill an eventfd up, whatever is in it: of the amounts that could be missing the largest that
 * it takes is the one.  0, or -1 when it was full or is not to be filled. */
static int
fill_up(int fd)
{
    for (uint64_t others = 0; others <= OTHERS_WAKES_MAX; others++) {
        uint64_t missing = FULL - others;
        if (write(fd, &missing, sizeof(missing)) == (ssize_t)sizeof(missing)) {
            return 0;
        }
    }
    return -1;
}

/* Was it read since it was full? */
static int
has_room(int fd)
{
    struct pollfd look = {.fd = fd, .events = POLLOUT};
    return poll(&look, 1, 0) > 0 && (look.revents & POLLOUT) != 0;
}

/* ---- one loop ---- */

/* Is the copy of its bell still the bell?  All eventfds have one inode, but a number each: -1
 * when it cannot be looked up now. */
static int
is_bell_ours(const loop *l)
{
    if (!lk_descriptor_is_ours(&l->bell) || !l->is_event) {
        return lk_descriptor_is_ours(&l->bell);
    }
    uint64_t event = event_of(l->bell.fd);
    return event == l->event ? 1 : event == LK_NO_NUMBER && is_event(l->bell.fd) ? -1 : 0;
}

/* Was a tick sent that is not known to be heard? */
static int
is_under_way(const loop *l)
{
    return l->is_event ? l->is_full : l->heard.fd >= 0;
}

/* Make the two ends of a pipe.  0, or -1 when there are no descriptors left. */
static int
make_token(loop *l)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        return -1;
    }
    l->heard = lk_descriptor_of(ends[0]);
    l->token = lk_descriptor_of(ends[1]);
    return 0;
}

/* Give a tick up. */
static void
abandon(loop *l)
{
    lk_descriptor_close(&l->token);
    lk_descriptor_close(&l->heard);
    l->is_full = 0;
}

/* The loop is no more. */
static void
leave(loop *l)
{
    abandon(l);
    if (is_bell_ours(l) != 0) {
        close(l->bell.fd);
    }
    l->bell = LK_NO_DESCRIPTOR;
    l->tid = 0;
}

/* Send a tick through a socket. */
static void
ring_socket(loop *l)
{
    if (make_token(l) < 0) {
        return;
    }
    l->rung_ns = lk_now_ns();
    int error = send_with(l->bell.fd, l->token.fd);
    lk_descriptor_close(&l->token);
    if (error == EPIPE || error == ECONNRESET) {
        leave(l); /* it was closed */
    } else if (error != 0) {
        abandon(l);
    }
}

/* Send a tick, and say when the next one is due. */
static void
ring(loop *l, uint64_t now)
{
    l->next_ns += distance_ns();
    l->next_ns = l->next_ns > now ? l->next_ns : now + distance_ns();
    int is_ours = is_bell_ours(l);
    if (is_ours == 0) {
        leave(l);
    } else if (!l->is_event) {
        ring_socket(l);
    } else if (is_ours > 0) {
        /* one that is full has not been read since a tick that was given up */
        l->rung_ns = lk_now_ns();
        l->is_full = fill_up(l->bell.fd) == 0 || !has_room(l->bell.fd);
    }
}

/* Has the loop taken the tick? */
static int
was_heard(const loop *l)
{
    if (l->is_event) {
        return has_room(l->bell.fd);
    }
    struct pollfd look = {.fd = l->heard.fd, .events = POLLIN};
    return poll(&look, 1, 0) > 0 && (look.revents & POLLHUP) != 0;
}

/* Count the delay of a tick, and those of the ticks that were due while it was under way: they
 * would have been heard at the same time.  Without them a loop that is stuck for a second would
 * count as late once, as one that is late for a moment. */
static void
note(loop *l, uint64_t now)
{
    lk_histogram_add(&l->delays, now - l->rung_ns);
    while (l->next_ns < now) {
        lk_histogram_add(&l->delays, now - l->next_ns);
        l->next_ns += distance_ns();
    }
}

/* See whether the tick under way was heard; without one, ring when it is time to. */
static void
step(loop *l, uint64_t now)
{
    if (l->heard.fd >= 0 && !lk_descriptor_is_ours(&l->heard)) {
        l->heard = LK_NO_DESCRIPTOR; /* the program closed it */
    }
    if (l->is_full && !lk_descriptor_is_ours(&l->bell)) {
        leave(l);
    } else if (is_under_way(l)) {
        if (was_heard(l)) {
            note(l, now);
            abandon(l);
        }
    } else if (l->is_running && now >= l->next_ns) {
        ring(l, now);
    }
}

/* ---- all of them ---- */

/* Does a socket do what this is built on? */
static int
prove_sockets(void)
{
    int pair[2], is_proved = 0;
    char bytes[16];
    loop sample = {.heard = LK_NO_DESCRIPTOR, .token = LK_NO_DESCRIPTOR};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        return 0;
    }
    if (make_token(&sample) == 0) {
        int is_sent = send_with(pair[1], sample.token.fd) == 0;
        lk_descriptor_close(&sample.token);
        is_proved = is_sent && !was_heard(&sample) && recv(pair[0], bytes, sizeof(bytes), 0) == 1 &&
                    was_heard(&sample);
    }
    abandon(&sample);
    close(pair[0]);
    close(pair[1]);
    return is_proved;
}

/* Does an eventfd? */
static int
prove_events(void)
{
    uint64_t count = 2;
    int fd = eventfd(2, EFD_CLOEXEC | EFD_NONBLOCK);
    int is_proved = fd >= 0 && event_of(fd) != LK_NO_NUMBER && fill_up(fd) == 0 && !has_room(fd) &&
                    fill_up(fd) < 0 && read(fd, &count, sizeof(count)) == (ssize_t)sizeof(count) &&
                    count == FULL && has_room(fd);
    if (fd >= 0) {
        close(fd);
    }
    return is_proved;
}

int
lk_ticks_prove(void)
{
    has_events = prove_events();
    return prove_sockets() ? 0 : -1;
}

void
lk_ticks_look_begin(void)
{
    unmeasured = 0;
    for (int i = 0; i < LK_LOOPS_MAX; i++) {
        loops[i].is_running = 0;
    }
}

/* The place of the loop with this bell, or a free one; NULL when all are taken.  `event`: its
 * number, LK_NO_NUMBER for a socket. */
static loop *
place_of(const struct stat *bell, uint64_t event)
{
    loop *free_place = NULL;
    for (loop *l = loops; l < loops + LK_LOOPS_MAX; l++) {
        if (is_taken(l) && l->bell.device == bell->st_dev && l->bell.inode == bell->st_ino &&
            l->is_event == (event != LK_NO_NUMBER) && (!l->is_event || l->event == event)) {
            return l;
        }
        free_place = is_taken(l) || free_place != NULL ? free_place : l;
    }
    return free_place;
}

void
lk_ticks_see(int bell, pid_t tid)
{
    struct stat st;
    loop *l = NULL;
    uint64_t event = bell >= 0 && has_events ? event_of(bell) : LK_NO_NUMBER;
    if (bell >= 0 && tid != 0 && (event != LK_NO_NUMBER || is_socket_bell(bell)) &&
        fstat(bell, &st) == 0) {
        l = place_of(&st, event);
    }
    if (l != NULL && !is_taken(l)) {
        memset(l, 0, sizeof(*l));
        l->is_event = event != LK_NO_NUMBER;
        l->event = event;
        l->heard = l->token = LK_NO_DESCRIPTOR;
        l->bell = lk_descriptor_of(fcntl(bell, F_DUPFD_CLOEXEC, 3));
        l->next_ns = lk_now_ns() + distance_ns();
        l = l->bell.fd < 0 ? NULL : l;
    }
    if (l == NULL) {
        unmeasured++;
    } else {
        l->tid = tid;
        l->is_running = 1;
    }
}

void
lk_ticks_look_end(void)
{
    for (loop *l = loops; l < loops + LK_LOOPS_MAX; l++) {
        if (is_taken(l) && !l->is_running) {
            abandon(l); /* a loop that does not run is not late */
            if (l->delays.count == 0) {
                leave(l);
            }
        }
    }
}

nfds_t
lk_ticks_poll(struct pollfd *out)
{
    nfds_t n = 0;
    for (const loop *l = loops; l < loops + LK_LOOPS_MAX; l++) {
        if (is_taken(l) && is_under_way(l)) {
            out[n++] = l->is_event ? (struct pollfd){.fd = l->bell.fd, .events = POLLOUT}
                                   : (struct pollfd){.fd = l->heard.fd, .events = POLLIN};
        }
    }
    return n;
}

int
lk_ticks_due_ms(int most)
{
    uint64_t now = lk_now_ns(), due = now + (uint64_t)most * 1000000;
    for (const loop *l = loops; l < loops + LK_LOOPS_MAX; l++) {
        if (is_taken(l) && l->is_running && !is_under_way(l) && l->next_ns < due) {
            due = l->next_ns;
        }
    }
    return due <= now ? 0 : (int)((due - now + 999999) / 1000000);
}

void
lk_ticks_step(void)
{
    uint64_t now = lk_now_ns();
    for (loop *l = loops; l < loops + LK_LOOPS_MAX; l++) {
        if (is_taken(l)) {
            step(l, now);
        }
    }
}

void
lk_ticks_void(int only_heard)
{
    for (loop *l = loops; l < loops + LK_LOOPS_MAX; l++) {
        if (is_taken(l) && (!only_heard || (is_under_way(l) && was_heard(l)))) {
            abandon(l);
        }
    }
}

size_t
lk_ticks_descriptor_count(void)
{
    size_t n = 0;
    for (const loop *l = loops; l < loops + LK_LOOPS_MAX; l++) {
        n += is_taken(l) ? (size_t)1 + (l->heard.fd >= 0) : 0;
    }
    return n;
}

void
lk_ticks_report(lk_json *out, int keeps)
{
    uint64_t values[LK_LOOPS_MAX * 6], now = lk_now_ns();
    size_t n = 0;
    for (loop *l = loops; l < loops + LK_LOOPS_MAX; l++) {
        if (!is_taken(l)) {
            continue;
        }
        values[n++] = (uint64_t)l->tid;
        values[n++] = l->delays.count;
        values[n++] = lk_histogram_percentile(&l->delays, 50);
        values[n++] = lk_histogram_percentile(&l->delays, 99);
        values[n++] = l->delays.max_ns;
        values[n++] = is_under_way(l) ? now - l->rung_ns : 0;
        if (!keeps) {
            memset(&l->delays, 0, sizeof(l->delays));
        }
    }
    lk_json_numbers(out, "loops", values, n);
    lk_json_number(out, "loops_unmeasured", unmeasured);
}

void
lk_ticks_stop(void)
{
    for (loop *l = loops; l < loops + LK_LOOPS_MAX; l++) {
        if (is_taken(l)) {
            leave(l);
        }
    }
}
