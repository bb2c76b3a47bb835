#include "emit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES (LK_BLOCK_BYTES + 16)

/* Keep the first error only. */
static void
fail(lk_emit *e, int error)
{
    if (e->error == 0) {
        e->error = error;
    }
}

/* Write all of it, after checking that the descriptor is still our file. */
static void
write_all(lk_emit *e, const void *bytes, size_t n)
{
    struct stat st;
    if (e->error != 0) {
        return;
    }
    if (fstat(e->fd, &st) != 0 || st.st_dev != e->device || st.st_ino != e->inode) {
        fail(e, EBADF);
        return;
    }
    const uint8_t *p = bytes;
    while (n > 0) {
        ssize_t k = write(e->fd, p, n);
        if (k < 0 && errno == EINTR) {
            continue;
        }
        if (k <= 0) {
            fail(e, k < 0 ? errno : EIO);
            return;
        }
        p += k;
        n -= (size_t)k;
        e->file_bytes += (uint64_t)k;
    }
}

/* Begin with a descriptor.  0, or -1 with e->error set and nothing kept. */
static int
begin(lk_emit *e, int fd, int is_lent)
{
    struct stat st;
    *e = (lk_emit){.fd = fd, .is_lent = is_lent};
    if (fd < 0 || fstat(fd, &st) != 0) {
        fail(e, errno);
        e->fd = -1;
        return -1;
    }
    e->device = st.st_dev;
    e->inode = st.st_ino;
    return 0;
}

/* Write to a new file, 0600 and never a link.  0, or -1 with e->error set.  Owns the
 * descriptor until lk_emit_close. */
int
lk_emit_open(lk_emit *e, const char *path)
{
    return begin(e, open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), 0);
}

/* Write to a descriptor that the caller opened and will close.  0, or -1 with e->error set. */
int
lk_emit_borrow(lk_emit *e, int fd)
{
    return begin(e, fd, 1);
}

/* The buffer of blocks.  0, or -1 with e->error set.  Owns it until lk_emit_close. */
static int
make_buffer(lk_emit *e)
{
    void *p = mmap(NULL, BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        fail(e, ENOMEM);
        return -1;
    }
    e->buffer = e->at = p;
    e->limit = e->buffer + LK_BLOCK_BYTES - LK_EMIT_MARGIN;
    return 0;
}

/* Magic, version and header.  0, or -1 with e->error set. */
int
lk_emit_start(lk_emit *e, const char *header, size_t header_bytes)
{
    uint16_t version[2] = {LK_VERSION_MAJOR, LK_VERSION_MINOR};
    uint32_t n = (uint32_t)header_bytes;
    uint64_t hash = lk_block_hash((const unsigned char *)header, header_bytes);
    if (make_buffer(e) < 0) {
        return -1;
    }
    write_all(e, LK_MAGIC, 8);
    write_all(e, version, 4);
    write_all(e, &n, 4);
    write_all(e, header, header_bytes);
    write_all(e, &hash, 8);
    return e->error == 0 ? 0 : -1;
}

/* Write the open block out, with its length and hash. */
void
lk_emit_flush(lk_emit *e)
{
    size_t bytes = (size_t)(e->at - e->buffer);
    if (bytes > 0) {
        uint8_t frame[12];
        uint32_t n = (uint32_t)bytes;
        uint64_t hash = lk_block_hash(e->buffer, bytes);
        memcpy(frame, &n, 4);
        memcpy(frame + 4, &hash, 8);
        write_all(e, frame, sizeof(frame));
        write_all(e, e->buffer, bytes);
    }
    e->at = e->buffer;
}

/* The rest of the file after the last record.  0, or -1 with e->error set. */
int
lk_emit_finish(lk_emit *e, const char *footer, size_t footer_bytes)
{
    uint32_t zero = 0, n = (uint32_t)footer_bytes;
    uint64_t hash = lk_block_hash((const unsigned char *)footer, footer_bytes);
    lk_emit_flush(e);
    write_all(e, &zero, 4);
    write_all(e, &n, 4);
    write_all(e, footer, footer_bytes);
    write_all(e, &hash, 8);
    write_all(e, LK_END_MAGIC, 8);
    return e->error == 0 ? 0 : -1;
}

/* Close the descriptor if it is ours and still the same file, and free the buffer.  Safe to
 * call twice. */
void
lk_emit_close(lk_emit *e)
{
    struct stat st;
    if (e->fd >= 0 && !e->is_lent && fstat(e->fd, &st) == 0 && st.st_dev == e->device &&
        st.st_ino == e->inode) {
        close(e->fd);
    }
    e->fd = -1;
    if (e->buffer != NULL) {
        munmap(e->buffer, BUFFER_BYTES);
        e->buffer = NULL;
    }
}
