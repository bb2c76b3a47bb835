/* leakhunt.mark: the program says that a moment has come, and waits until the client looked. */
#include "session.h"

#include <pthread.h>
#include <time.h>

/* A waiting main thread looks for signals so often. */
#define SLICE_NS 50000000
#define SLICES (LK_MARK_WAIT_MS / (SLICE_NS / 1000000))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed; /* of the clock that nobody sets */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static lk_session *hearer; /* NULL: nobody listens */
static uint64_t asked, released;

static void
make_condition(void)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

void
lk_mark_open(lk_session *s)
{
    pthread_once(&once, make_condition);
    pthread_mutex_lock(&lock);
    /* a HELLO that only keeps the connection alive lets nobody go on who waits */
    if (hearer != s) {
        hearer = s;
        released = asked;
        pthread_cond_broadcast(&changed);
    }
    pthread_mutex_unlock(&lock);
}

void
lk_mark_release(void)
{
    pthread_mutex_lock(&lock);
    released += released < asked;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

void
lk_mark_forget(void)
{
    pthread_mutex_init(&lock, NULL);
    make_condition();
    hearer = NULL;
    released = asked;
}

/* Tell the client.  The number to wait for, or 0 when nobody listens.  The lock is held. */
static uint64_t
tell(const char *label, size_t label_bytes)
{
    char text[LK_LABEL_BYTES_MAX * 6 + 64];
    lk_json json;
    if (hearer == NULL) {
        return 0;
    }
    lk_json_open(&json, text, sizeof(text));
    lk_json_string(&json, "event", "mark");
    lk_json_bytes(&json, "label", label, label_bytes);
    if (lk_session_send(hearer, LK_STATUS_EVENT, 0, text, lk_json_close(&json)) < 0) {
        return 0;
    }
    return ++asked;
}

/* Wait a slice of time.  1 when the mark was released.  No GIL. */
static int
wait_a_slice(uint64_t number)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += SLICE_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&lock);
    if (released < number) {
        pthread_cond_timedwait(&changed, &lock, &until);
    }
    int is_over = released >= number;
    pthread_mutex_unlock(&lock);
    return is_over;
}

int
lk_mark(const char *label, size_t label_bytes)
{
    uint64_t number;
    int is_over = 0, status = 0;
    if (label_bytes > LK_LABEL_BYTES_MAX) {
        label_bytes = LK_LABEL_BYTES_MAX;
    }
    PyThreadState *own = PyEval_SaveThread();
    pthread_mutex_lock(&lock);
    number = tell(label, label_bytes);
    pthread_mutex_unlock(&lock);
    PyEval_RestoreThread(own);
    for (int i = 0; number != 0 && !is_over && status == 0 && i < SLICES; i++) {
        own = PyEval_SaveThread();
        is_over = wait_a_slice(number);
        PyEval_RestoreThread(own);
        status = PyErr_CheckSignals();
    }
    return status;
}
