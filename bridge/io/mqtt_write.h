// SPDX-License-Identifier: Apache-2.0
// Keeps the failure of a write to the broker from Paho, which frees memory twice when it sees one. Any thread.
#ifndef IO_MQTT_WRITE_H
#define IO_MQTT_WRITE_H

#include <sys/types.h>
#include <sys/uio.h>

void mqtt_write_connected(int socket); // before anything is published on it
void mqtt_write_disconnected(void);    // its number may be somebody else's from here on
// As writev(2).
ssize_t mqtt_write_parts(int fd, const struct iovec *parts, int count);

#endif
