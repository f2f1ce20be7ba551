// SPDX-License-Identifier: Apache-2.0
// Keeps the failure of a write to the broker from Paho, which frees memory twice when it sees one. Any thread.
#ifndef IO_MQTT_WRITE_H
#define IO_MQTT_WRITE_H

void mqtt_write_connected(int socket); // before anything is published on it
void mqtt_write_disconnected(void);    // its number may be somebody else's from here on

#endif
