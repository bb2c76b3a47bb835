/* The thread that answers a client: there only while one is connected, or awaited. */
#ifndef LEAKHUNT_SERVER_H
#define LEAKHUNT_SERVER_H

#include "compat.h"

/* Serve the client at the other end of `fd`, a connected Unix socket of type SEQPACKET, in a
 * thread of our own; `on_end` (may be NULL) is called when it is gone.  0 and the descriptor is
 * ours, or -1 with *why a constant text and the descriptor is the caller's.  Needs the GIL, and
 * lets go of it while an earlier client's thread ends. */
int lk_server_serve(int fd, PyObject *on_end, const char **why);

/* Await clients at `path`, one after the other, of this user or root.  0, or -1 with *why a
 * constant text and *error an errno or 0.  Needs the GIL, as lk_server_serve. */
int lk_server_listen(const char *path, const char **why, int *error);

/* End awaiting, and who is connected.  The socket's file is the caller's to remove.  Needs the
 * GIL, which it lets go of. */
void lk_server_stop_listening(void);

#endif
