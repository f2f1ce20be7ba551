// SPDX-License-Identifier: Apache-2.0
// Acknowledgements that wait for their commit. Paho acknowledges a message as soon as its callback returns, so a
// callback that waits for the disk takes one commit a message, however many messages are there. Here the callback
// returns at once and the PUBACK is kept back until the message is in the journal: many messages share a commit. Must
// never let the acknowledgement of a message out before mqtt_hold_settle was called for it.
//
// It works at the one place where Paho 1.3.12 hands a PUBACK to the kernel: writev() of the bytes 40 02 and the packet
// id (Socket_putdatas in Socket.c). Nothing is taken for granted: a connection whose first PUBACK, which nobody keeps
// back, is not seen there (TLS, WebSocket, another Paho) never holds any, and its callbacks wait as before.
// One connection a process. Any thread, except where a function says otherwise.
#ifndef IO_MQTT_HOLD_H
#define IO_MQTT_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MQTT_HOLD_MAX       512     // acknowledgements kept back at a time; then the callback waits
#define MQTT_HOLD_MAX_BYTES 1048576 // payloads of these

// The receive thread, in a callback. Waits while too many are held. The number for mqtt_hold_settle; 0: the PUBACK of
// this message goes out when the callback returns.
uint64_t mqtt_hold_begin(int packet_id, size_t bytes);
void mqtt_hold_settle(uint64_t number, size_t bytes); // it is in the journal: its PUBACK may go, in its turn
void mqtt_hold_flush(void);                           // sends what may go; after the last of several settled ones
size_t mqtt_hold_count(void);
// The connection is given up: nothing that was kept back goes out any more, nor anything that Paho still acknowledges.
void mqtt_hold_lost(void);
// That message must not be acknowledged: ends its connection, if that still is the one there is.
void mqtt_hold_hang_up(uint64_t number);
// Paho's old client is gone: a new connection begins, nothing is known of it yet.
void mqtt_hold_renew(void);

#endif
