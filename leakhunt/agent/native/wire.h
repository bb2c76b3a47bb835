/* What the tool and the agent say to each other; described in leakhunt/agent/wire.py. */
#ifndef LEAKHUNT_WIRE_H
#define LEAKHUNT_WIRE_H

#define LK_WIRE_VERSION 1
#define LK_REQUEST_BYTES_MAX 65536
#define LK_ANSWER_BYTES_MAX 16384
#define LK_LABEL_BYTES_MAX 256
#define LK_SILENCE_MS 60000
#define LK_MARK_WAIT_MS 60000

enum lk_opcode {
    LK_OP_HELLO = 1,
    LK_OP_SELF_TEST = 2,
    LK_OP_PREPARE = 3,
    LK_OP_BIRTH_START = 4,
    LK_OP_BIRTH_STOP = 5,
    LK_OP_MEASURE = 6,
    LK_OP_COLLECT = 7,
    LK_OP_CAPTURE = 8,
    LK_OP_RELEASE = 9,
    LK_OP_BYE = 10,
    LK_OP_SITES_START = 11,
    LK_OP_SITES_STOP = 12,
    LK_OP_PROBES = 13,
    LK_OP_PROBES_STOP = 14,
    LK_OP_TRIM = 15,
};

enum lk_status {
    LK_STATUS_OK = 0,
    LK_STATUS_ERROR = 1,
    LK_STATUS_EVENT = 2,
};

enum lk_flag {
    LK_FLAG_MARK = 1,
    LK_FLAG_REDACT = 2,
    LK_FLAG_FORK = 4,
    LK_FLAG_AUTO = 8,
    LK_FLAG_LOST = 16,
    LK_FLAG_EVENTS = 32,
    LK_FLAG_PREDICT = 64,
    LK_FLAG_CONTENT = 128,
    LK_FLAG_KEEP = 256,
};

#endif
