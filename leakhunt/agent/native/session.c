#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "clock.h"
#include "probe_ticks.h"

/* A descriptor that the program closed does not wake us: so often we look whether it is ours. */
#define LOOK_MS 250
#define SEND_WAIT_MS 1000
#define REQUEST_HEADER_BYTES 16
#define DESCRIPTORS_MAX 4

static uint64_t
now_ms(void)
{
    return lk_now_ns() / 1000000;
}

int
lk_interpreter_take(PyGILState_STATE *held)
{
    /* once it goes down the lock never comes back, and then the thread state's maker is gone */
    if (lk_is_finalizing()) {
        return -1;
    }
    *held = PyGILState_Ensure();
    return 0;
}

void
lk_interpreter_release(PyGILState_STATE held)
{
    PyGILState_Release(held);
}

/* Send one datagram if the socket is still ours.  0, or -1. */
static int
send_datagram(const lk_descriptor *to, uint32_t status, uint32_t opcode, const char *text, size_t n)
{
    uint32_t head[2] = {status, opcode};
    struct iovec parts[2] = {{head, sizeof(head)}, {(void *)text, n}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    for (int i = 0; lk_descriptor_is_ours(to); i++) {
        if (sendmsg(to->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
            return 0;
        }
        /* a client that does not read must not hold us up */
        struct pollfd wait = {.fd = to->fd, .events = POLLOUT};
        if (errno != EAGAIN || i > 0 || poll(&wait, 1, SEND_WAIT_MS) <= 0) {
            return -1;
        }
    }
    return -1;
}

int
lk_session_send(lk_session *s, uint32_t status, uint32_t opcode, const char *text, size_t n)
{
    return send_datagram(&s->socket, status, opcode, text, n);
}

/* Tell of something that is no answer. */
static void
send_event(lk_session *s, const char *event, const char *name, const char *value)
{
    char text[512];
    lk_json json;
    lk_json_open(&json, text, sizeof(text));
    lk_json_string(&json, "event", event);
    lk_json_string(&json, name, value);
    lk_session_send(s, LK_STATUS_EVENT, 0, text, lk_json_close(&json));
}

/* Turn away a second client. */
static void
refuse_visitor(const lk_descriptor *listener)
{
    static const char text[] = "{\"error\": \"another client is connected\"}";
    lk_descriptor visitor = lk_descriptor_of(accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC));
    if (visitor.fd < 0) {
        poll(NULL, 0, LOOK_MS); /* no descriptor left, perhaps: the visitor waits on */
    }
    send_datagram(&visitor, LK_STATUS_ERROR, 0, text, sizeof(text) - 1);
    lk_descriptor_close(&visitor);
}

/* Wait for a request.  NULL when there is one to read, else why there will be none. */
static const char *
wait_for_request(lk_session *s, const lk_descriptor *listener)
{
    uint64_t deadline = now_ms() + s->silence_ms;
    for (;;) {
        if (lk_is_finalizing()) {
            return "the interpreter is going down";
        }
        if (!lk_descriptor_is_ours(&s->socket)) {
            return "the program closed our descriptor";
        }
        int visitors = lk_descriptor_is_ours(listener) ? listener->fd : -1;
        struct pollfd wait[2 + LK_LOOPS_MAX] = {{.fd = s->socket.fd, .events = POLLIN},
                                                {.fd = visitors, .events = POLLIN}};
        int ready = poll(wait, 2 + lk_ticks_poll(wait + 2), lk_ticks_due_ms(LOOK_MS));
        lk_ticks_step();
        if (ready > 0 && wait[0].revents != 0) {
            return lk_descriptor_is_ours(&s->socket) ? NULL : "the program closed our descriptor";
        }
        if (ready > 0 && wait[1].revents != 0 && lk_descriptor_is_ours(listener)) {
            refuse_visitor(listener);
        }
        if (now_ms() > deadline) {
            return "the client was silent for too long";
        }
    }
}

/* Keep the first descriptor that came with a message and close the others. */
static void
take_descriptors(lk_request *r, struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        for (size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len; at += sizeof(int)) {
            int fd;
            memcpy(&fd, (const char *)c + at, sizeof(fd));
            lk_descriptor came = lk_descriptor_of(fd);
            if (r->file.fd < 0) {
                r->file = came;
            } else {
                lk_descriptor_close(&came);
            }
        }
    }
}

/* Read one request.  NULL, or why there will be no more. */
static const char *
receive(lk_session *s)
{
    union {
        struct cmsghdr aligned;
        char room[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
    } control;
    lk_request *r = &s->request;
    struct iovec part = {s->received, sizeof(s->received)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    *r = (lk_request){.file = LK_NO_DESCRIPTOR};
    lk_descriptor_close(&s->spare); /* its number is for the file that may come */
    ssize_t n = recvmsg(s->socket.fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n <= 0) {
        return "the client went away";
    }
    take_descriptors(r, &message);
    if (n < REQUEST_HEADER_BYTES || (message.msg_flags & MSG_TRUNC)) {
        return "the client sent what is no request";
    }
    memcpy(&r->opcode, s->received, 4);
    memcpy(&r->flags, s->received + 4, 4);
    memcpy(&r->number, s->received + 8, 8);
    r->payload = s->received + REQUEST_HEADER_BYTES;
    r->payload_bytes = (size_t)n - REQUEST_HEADER_BYTES;
    return r->opcode < LK_OP_HELLO || r->opcode > LK_OP_TRIM ? "the client sent what is no request"
                                                             : NULL;
}

/* Hold a descriptor back for the next file, so that a program that ran out of them can still
 * be captured. */
static void
refill_spare(lk_session *s)
{
    if (s->spare.fd < 0 && lk_descriptor_is_ours(&s->socket)) {
        s->spare = lk_descriptor_of(fcntl(s->socket.fd, F_DUPFD_CLOEXEC, 0));
    }
}

/* Take one request and answer it.  NULL, or why there will be no more. */
static const char *
answer_one(lk_session *s)
{
    lk_json answer;
    const char *why = receive(s);
    if (why == NULL && s->request.opcode == LK_OP_BYE) {
        s->is_leaving = 1;
        why = "the client said goodbye";
    }
    if (why == NULL) {
        lk_json_open(&answer, s->sent, sizeof(s->sent));
        int status = lk_command_run(s, &answer) < 0 ? LK_STATUS_ERROR : LK_STATUS_OK;
        /* the answer says that the file is whole and that the next one has a place */
        lk_descriptor_close(&s->request.file);
        refill_spare(s);
        if (lk_session_send(s, (uint32_t)status, s->request.opcode, s->sent,
                            lk_json_close(&answer)) < 0) {
            why = "the client does not listen";
        }
    }
    lk_descriptor_close(&s->request.file);
    refill_spare(s);
    return why;
}

void
lk_session_run(lk_session *s, const lk_descriptor *listener)
{
    const char *why = NULL;
    s->spare = s->request.file = LK_NO_DESCRIPTOR;
    s->silence_ms = LK_SILENCE_MS;
    s->is_leaving = s->has_births = s->has_sites = s->has_probes = 0;
    refill_spare(s);
    while (why == NULL) {
        why = wait_for_request(s, listener);
        if (why == NULL) {
            why = answer_one(s);
        }
    }
    lk_mark_open(NULL);
    lk_json answer;
    lk_json_open(&answer, s->sent, sizeof(s->sent));
    lk_command_clean_up(s, &answer);
    if (s->is_leaving) {
        lk_session_send(s, LK_STATUS_OK, LK_OP_BYE, s->sent, lk_json_close(&answer));
    } else {
        send_event(s, "end", "reason", why);
    }
    lk_session_forget(s);
}

void
lk_session_forget(lk_session *s)
{
    lk_descriptor_close(&s->spare);
    lk_descriptor_close(&s->request.file);
    lk_descriptor_close(&s->socket);
}
