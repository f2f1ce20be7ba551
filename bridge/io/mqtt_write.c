// SPDX-License-Identifier: Apache-2.0
// Paho 1.3.12 frees a publication twice when it cannot be written: processCommand frees the command and with it the
// payload that the list of unacknowledged messages holds, too, and destroying the client frees that (known upstream as
// eclipse-paho/paho.mqtt.c#1621). What then lies at that place is lost, and sooner or later the process with it. A
// publication whose connection breaks while it waits for its acknowledgement is treated well. So this program has a
// write() and a writev() of its own, which for the broker's socket alone take a broken connection for a write that went
// well; the receive thread sees the end of the connection at once, by reading. TLS ends up in write(), too.
// Must never hide an error of anybody else's. Any thread.
#include "io/mqtt_fair.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>
#include <unistd.h>

typedef ssize_t (*write_function)(int, const void *, size_t);
typedef ssize_t (*writev_function)(int, const struct iovec *, int);

static bool is_broken(int fd, ssize_t written)
{
    return written < 0 && errno != EAGAIN && errno != EINTR && fd == mqtt_fair_socket();
}

// The names and parameters are those of the C library, so that the libraries' calls arrive here.

ssize_t write(int fd, const void *data, size_t len)
{
    static _Atomic(write_function) known;
    write_function real = atomic_load_explicit(&known, memory_order_relaxed);
    if (!real) {
        *(void **)&real = dlsym(RTLD_NEXT, "write");
        atomic_store_explicit(&known, real, memory_order_relaxed);
    }
    ssize_t written = real(fd, data, len);
    return is_broken(fd, written) ? (ssize_t)len : written;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    static _Atomic(writev_function) known;
    writev_function real = atomic_load_explicit(&known, memory_order_relaxed);
    if (!real) {
        *(void **)&real = dlsym(RTLD_NEXT, "writev");
        atomic_store_explicit(&known, real, memory_order_relaxed);
    }
    ssize_t written = real(fd, parts, count);
    if (is_broken(fd, written)) {
        written = 0;
        for (int i = 0; i < count; i++) {
            written += (ssize_t)parts[i].iov_len;
        }
    }
    return written;
}
