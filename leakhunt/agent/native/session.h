/* One client's connection: what it asks for and how it ends. */
#ifndef LEAKHUNT_SESSION_H
#define LEAKHUNT_SESSION_H

#include "compat.h"
#include "descriptor.h"
#include "json.h"
#include "wire.h"

typedef struct {
    uint32_t opcode, flags;
    uint64_t number;
    const char *payload;
    size_t payload_bytes;
    lk_descriptor file; /* came with the request; closed after the answer */
} lk_request;

typedef struct {
    lk_descriptor socket;
    lk_descriptor spare; /* given up for the file that comes with a request */
    uint64_t silence_ms;
    int is_prepared;  /* the thread awaits another client after this one */
    int is_leaving;   /* the client said BYE */
    int has_births;   /* the client started birth tracking: we end it */
    int has_sites;    /* the same of sampling */
    int has_probes;   /* the same of probes */
    PyObject *on_end; /* called when the connection ends; owned, may be NULL */
    lk_request request;
    char received[LK_REQUEST_BYTES_MAX];
    char sent[LK_ANSWER_BYTES_MAX];
} lk_session;

/* Serve a client to the end, put everything back and close its socket.  `listener` is watched
 * meanwhile: who comes there is told to come back later; it may be none.  Without the GIL. */
void lk_session_run(lk_session *s, const lk_descriptor *listener);

/* In a child of fork: close what the parent's session had open. */
void lk_session_forget(lk_session *s);

/* Send one datagram if the socket is still ours; never waits for long.  No GIL needed, nor
 * does it matter.  0, or -1. */
int lk_session_send(lk_session *s, uint32_t status, uint32_t opcode, const char *text, size_t n);

/* Take and let go of the interpreter lock.  -1 when the interpreter is going down. */
int lk_interpreter_take(PyGILState_STATE *held);
void lk_interpreter_release(PyGILState_STATE held);

/* commands.c: carry out a request.  0, or -1 when it failed; both fill the answer. */
int lk_command_run(lk_session *s, lk_json *answer);

/* commands.c: end what the client began.  Takes the GIL when there is something to end. */
void lk_command_clean_up(lk_session *s, lk_json *answer);

/* mark.c: from now on marks are events of this session; NULL: of none, who waits goes on. */
void lk_mark_open(lk_session *s);
void lk_mark_release(void);

/* mark.c: tell the client, and wait until it lets go.  0, or -1 with an exception set (a
 * signal handler's).  Needs the GIL, and lets go of it while it waits. */
int lk_mark(const char *label, size_t label_bytes);

/* mark.c: in a child of fork nobody waits. */
void lk_mark_forget(void);

#endif
