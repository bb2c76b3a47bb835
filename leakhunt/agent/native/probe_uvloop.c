/* Loops of uvloop: which one a thread runs, and the eventfd that wakes it up.
 *
 * uvloop keeps a `uv_loop_t *` in its object; the first member of that structure, `data`, points
 * back to the object, which no other pointer in it does.  In libuv's structure the watcher of the
 * eventfd is (..., unsigned pevents, unsigned events, int fd): waiting for POLLIN and nothing else.
 * So no offset of uvloop or libuv is known here, and what is not found is not measured.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "probes.h"

#include <poll.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define UV_LOOP_BYTES 848 /* sizeof(uv_loop_t) on 64-bit Linux */
#define PAGE_BYTES 4096

#if LK_V >= 313

/* What asyncio says the thread runs, borrowed. */
static PyObject *
running_loop(PyThreadState *ts)
{
    return ((_PyThreadStateImpl *)ts)->asyncio_running_loop;
}

#else

/* What 3.11 puts around it. */
typedef struct {
    PyObject_HEAD PyObject *loop;
    pid_t pid; /* that runs it: a child of fork has but a copy */
} loop_holder;

/* What asyncio says the thread runs, borrowed. */
static PyObject *
running_loop(PyThreadState *ts)
{
    PyObject *loop = ts->dict != NULL && PyDict_CheckExact(ts->dict)
                         ? PyDict_GetItemString(ts->dict, "__asyncio_running_event_loop__")
                         : NULL;
    if (loop == NULL || strcmp(Py_TYPE(loop)->tp_name, "_RunningLoopHolder") != 0) {
        return loop;
    }
    const loop_holder *holder = (const loop_holder *)loop;
    return holder->pid == getpid() ? holder->loop : NULL;
}

#endif

PyObject *
lk_uvloop_of(PyThreadState *ts, PyTypeObject *type)
{
    PyObject *loop = running_loop(ts);
    return loop != NULL && PyType_IsSubtype(Py_TYPE(loop), type) ? loop : NULL;
}

/* Copy memory that may not be there.  Returns whether all of it was. */
static int
copy(void *to, uintptr_t from, size_t n)
{
    size_t first = PAGE_BYTES - from % PAGE_BYTES;
    first = first < n ? first : n;
    struct iovec local = {to, n};
    struct iovec remote[2] = {{(void *)from, first}, {(void *)(from + first), n - first}};
    return process_vm_readv(getpid(), &local, 1, remote, 2, 0) == (ssize_t)n;
}

/* Is it an eventfd? */
static int
is_event(int fd)
{
    char path[48], target[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ssize_t n = fd > 2 ? readlink(path, target, sizeof(target)) : -1;
    return n == 20 && memcmp(target, "anon_inode:[eventfd]", 20) == 0;
}

/* The first watcher of an eventfd in a uv_loop_t; -1 when there is none. */
static int
event_in(const int *ints, size_t n)
{
    for (size_t i = 2; i < n; i++) {
        if (ints[i - 2] == POLLIN && (ints[i - 1] == 0 || ints[i - 1] == POLLIN) &&
            is_event(ints[i])) {
            return ints[i];
        }
    }
    return -1;
}

int
lk_uvloop_bell(PyObject *loop, PyTypeObject *type)
{
    int ints[UV_LOOP_BYTES / sizeof(int)];
    const uintptr_t *words = (const uintptr_t *)loop;
    size_t count = (size_t)type->tp_basicsize / sizeof(*words);
    for (size_t i = sizeof(PyObject) / sizeof(*words); i < count; i++) {
        uintptr_t back = 0;
        if (words[i] < PAGE_BYTES || words[i] % sizeof(*words) != 0 ||
            !copy(&back, words[i], sizeof(back)) || back != (uintptr_t)loop) {
            continue;
        }
        return copy(ints, words[i], sizeof(ints)) ? event_in(ints, sizeof(ints) / sizeof(int)) : -1;
    }
    return -1;
}
