// SPDX-License-Identifier: Apache-2.0
// See web_listen.h. A Unix socket that a killed process left behind is replaced, one that answers is not. The loop's
// thread.
#include "io/web_listen.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_BACKLOG 16
#define LISTEN_UNIX    "unix:"
#define LISTEN_MODE    0660 // the group of the service may watch

static enum status fail(char **why, const char *listen, const char *text)
{
    if (asprintf(why, "cannot listen on %s: %s", listen, text) < 0) {
        *why = NULL;
    }
    return STATUS_IO;
}

static bool is_alive(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool alive = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return alive;
}

static enum status listen_unix(const char *listen_text, struct web_socket *out, char **why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat found;
    const char *path = listen_text + strlen(LISTEN_UNIX);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (lstat(path, &found) == 0 && S_ISSOCK(found.st_mode)) {
        if (is_alive(&address)) {
            return fail(why, listen_text, "another process listens there");
        }
        unlink(path);
    }
    out->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (out->fd < 0 || bind(out->fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        return fail(why, listen_text, strerror(errno));
    }
    out->path = strdup(path);
    if (!out->path || chmod(path, LISTEN_MODE) != 0 || listen(out->fd, LISTEN_BACKLOG) != 0) {
        return fail(why, listen_text, strerror(errno));
    }
    out->local = true;
    return STATUS_OK;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
    return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

static int listen_address(const struct addrinfo *info)
{
    int on = 1;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
                    bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, LISTEN_BACKLOG) != 0)) {
        int error = errno;
        close(fd);
        errno = error;
        fd = -1;
    }
    return fd;
}

static enum status listen_tcp(const char *listen_text, struct web_socket *out, char **why)
{
    char host[256];
    const char *colon = strrchr(listen_text, ':');
    size_t len = colon ? (size_t)(colon - listen_text) : 0;
    if (len == 0 || len >= sizeof host) {
        return fail(why, listen_text, "no address");
    }
    bool bracketed = listen_text[0] == '[' && listen_text[len - 1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(len - (bracketed ? 2 : 0)), listen_text + (bracketed ? 1 : 0));
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *infos = NULL;
    int rc = getaddrinfo(host, colon + 1, &hints, &infos);
    if (rc != 0) {
        return fail(why, listen_text, gai_strerror(rc));
    }
    for (struct addrinfo *info = infos; info && out->fd < 0; info = info->ai_next) {
        out->fd = listen_address(info);
        out->loopback = is_loopback(info->ai_addr);
    }
    int error = errno;
    freeaddrinfo(infos);
    return out->fd >= 0 ? STATUS_OK : fail(why, listen_text, strerror(error));
}

enum status web_listen(const char *listen, struct web_socket *out, char **why)
{
    *out = (struct web_socket){.fd = -1};
    *why = NULL;
    bool local = strncmp(listen, LISTEN_UNIX, strlen(LISTEN_UNIX)) == 0;
    enum status rc = local ? listen_unix(listen, out, why) : listen_tcp(listen, out, why);
    if (rc != STATUS_OK && out->fd >= 0) {
        close(out->fd);
        out->fd = -1;
    }
    if (rc != STATUS_OK) {
        web_listen_end(out);
    }
    return rc;
}

void web_listen_end(struct web_socket *socket)
{
    if (socket->path) {
        unlink(socket->path);
        free(socket->path);
        socket->path = NULL;
    }
}
