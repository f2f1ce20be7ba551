// SPDX-License-Identifier: Apache-2.0
// See mqtt_write.h. Paho 1.3.12 frees a publication twice when it cannot be written: processCommand frees the command
// and with it the payload that the list of unacknowledged messages holds, too, and destroying the client frees that
// (known upstream as eclipse-paho/paho.mqtt.c#1621). What then lies at that place is lost, and sooner or later the
// process with it. A publication whose connection breaks while it waits for its acknowledgement is treated well. So
// this program has a writev() and an SSL_write() of its own, which for the broker's socket alone take a broken
// connection for a write that went well, and shut it down: nothing more leaves on it, and the receive thread sees its
// end at once, by reading. Must never hide an error of anybody else's. Any thread.
#include "io/mqtt_write.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>

// From OpenSSL, whose headers nothing else here needs: ssl.h(3).
#define SSL_WANT_READ  2 // SSL_ERROR_WANT_READ
#define SSL_WANT_WRITE 3
int SSL_write(void *ssl, const void *data, int len);
int SSL_get_fd(const void *ssl);
int SSL_get_error(const void *ssl, int result);

static atomic_int connection = -1; // its socket, -1: there is none

typedef ssize_t (*writev_function)(int, const struct iovec *, int);
typedef int (*ssl_write_function)(void *, const void *, int);

void mqtt_write_connected(int socket)
{
    atomic_store(&connection, socket);
}

void mqtt_write_disconnected(void)
{
    atomic_store(&connection, -1);
}

ssize_t mqtt_write_parts(int fd, const struct iovec *parts, int count)
{
    static _Atomic(writev_function) known;
    writev_function real = atomic_load_explicit(&known, memory_order_relaxed);
    if (!real) {
        *(void **)&real = dlsym(RTLD_NEXT, "writev");
        atomic_store_explicit(&known, real, memory_order_relaxed);
    }
    ssize_t written = real(fd, parts, count);
    if (written < 0 && errno != EAGAIN && errno != EINTR &&
        fd == atomic_load_explicit(&connection, memory_order_relaxed)) {
        shutdown(fd, SHUT_RDWR);
        written = 0;
        for (int i = 0; i < count; i++) {
            written += (ssize_t)parts[i].iov_len;
        }
    }
    return written;
}

// Name and parameters are the library's, so that Paho's calls arrive here. Its writev() is in mqtt_hold.c.
int SSL_write(void *ssl, const void *data, int len)
{
    static _Atomic(ssl_write_function) known;
    ssl_write_function real = atomic_load_explicit(&known, memory_order_relaxed);
    if (!real) {
        *(void **)&real = dlsym(RTLD_NEXT, "SSL_write");
        atomic_store_explicit(&known, real, memory_order_relaxed);
    }
    int written = real(ssl, data, len);
    int socket = atomic_load_explicit(&connection, memory_order_relaxed);
    if (written > 0 || socket < 0 || SSL_get_fd(ssl) != socket) {
        return written;
    }
    int why = SSL_get_error(ssl, written);
    if (why == SSL_WANT_READ || why == SSL_WANT_WRITE) {
        return written;
    }
    shutdown(socket, SHUT_RDWR);
    return len;
}
