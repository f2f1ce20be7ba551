// SPDX-License-Identifier: Apache-2.0
// Lets the threads that publish get at Paho's lock while a slow disk keeps its receive thread busy, and that thread
// wake from a sleep when there is something to read. Any thread.
#ifndef IO_MQTT_FAIR_H
#define IO_MQTT_FAIR_H

#include <stdint.h>

// The receive thread, at the end of a message callback that took held_ns.
void mqtt_fair_held(int64_t held_ns);
// The receive thread, in the callback that tells of a connection: its socket is seen at the next poll.
void mqtt_fair_connected(void);
// Any thread: how many publications wait for Paho or the broker.
void mqtt_fair_waiting(long publications);

// The receive thread, within a callback: shuts its connection down, so that nothing leaves any more.
void mqtt_fair_hang_up(void);

#endif
