/* A descriptor in somebody else's process: programs close all they do not know, and reuse the
 * numbers, so it is looked at before each use.
 */
#ifndef LEAKHUNT_DESCRIPTOR_H
#define LEAKHUNT_DESCRIPTOR_H

#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    int fd; /* -1 for none */
    dev_t device;
    ino_t inode;
} lk_descriptor;

#define LK_NO_DESCRIPTOR ((lk_descriptor){.fd = -1})

/* Remember what a number stands for now; none when it is not open. */
static inline lk_descriptor
lk_descriptor_of(int fd)
{
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        return LK_NO_DESCRIPTOR;
    }
    return (lk_descriptor){fd, st.st_dev, st.st_ino};
}

/* Does the number still stand for it? */
static inline int
lk_descriptor_is_ours(const lk_descriptor *d)
{
    struct stat st;
    return d->fd >= 0 && fstat(d->fd, &st) == 0 && st.st_dev == d->device && st.st_ino == d->inode;
}

/* Close it if it is still ours; then there is none. */
static inline void
lk_descriptor_close(lk_descriptor *d)
{
    if (lk_descriptor_is_ours(d)) {
        close(d->fd);
    }
    d->fd = -1;
}

#endif
