// SPDX-License-Identifier: Apache-2.0
// The socket that the pages are served on: a TCP address or a Unix socket. Must never take a socket that somebody else
// still listens on. The loop's thread.
#ifndef IO_WEB_LISTEN_H
#define IO_WEB_LISTEN_H

#include "base/bytes.h"
#include "base/status.h"

struct web_socket {
    int fd;        // -1: none
    bool loopback; // only this machine's own processes get there by TCP
    bool local;    // a Unix socket
    char *path;    // of the Unix socket, else NULL; removed at the end
};

// listen: "HOST:PORT" or "unix:/PATH", checked by the configuration. *why is malloc'ed text in every failure.
enum status web_listen(const char *listen, struct web_socket *out, char **why);
// Removes what is beside the descriptor, which its user closes.
void web_listen_end(struct web_socket *socket);

#endif
