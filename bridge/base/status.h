// SPDX-License-Identifier: Apache-2.0
// The one result type of the project and its texts. Every function that can fail in a way that its
// caller must tell apart returns one of these; what exactly went wrong is text beside it.
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

enum status {
    STATUS_OK = 0,
    STATUS_INVALID,   // the input breaks a rule
    STATUS_NO_MEMORY, // an allocation failed
    STATUS_TOO_LARGE, // the input is over a named bound
    STATUS_FULL,      // a bounded queue or the disk has no room now
    STATUS_IO,        // the outside (disk, network, library) failed
    STATUS_CLOSED,    // the other side has gone or we are shutting down
    STATUS_TIMEOUT,   // a bound in time was reached
    STATUS_NOT_FOUND,
    STATUS_CONFLICT, // it is there already, and differs
    STATUS_BUSY,     // somebody else holds it
};

// A lower-case English phrase; never NULL, static storage.
const char *status_text(enum status status);

#endif
