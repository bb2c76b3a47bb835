#include "procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

long
lk_proc_read(const char *path, char *out, size_t room)
{
    size_t have = 0;
    ssize_t n = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        do {
            n = read(fd, out + have, room - 1 - have);
            have += n > 0 ? (size_t)n : 0;
        } while ((n > 0 && have < room - 1) || (n < 0 && errno == EINTR));
        close(fd);
    }
    out[have] = 0;
    return n < 0 ? -1 : (long)have;
}

int
lk_proc_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    ssize_t n = write(fd, text, strlen(text));
    close(fd);
    return n == (ssize_t)strlen(text) ? 0 : -1;
}

uint64_t
lk_proc_number(const char *text, const char *key)
{
    size_t length = strlen(key);
    while (text != NULL && strncmp(text, key, length) != 0) {
        text = strchr(text, '\n');
        text = text == NULL ? NULL : text + 1;
    }
    if (text == NULL) {
        return LK_NO_NUMBER;
    }
    text += length;
    while (*text == ' ' || *text == '\t') {
        text++;
    }
    if (*text < '0' || *text > '9') {
        return LK_NO_NUMBER;
    }
    uint64_t value = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        value = value * 10 + (uint64_t)(*text - '0');
    }
    return value;
}
