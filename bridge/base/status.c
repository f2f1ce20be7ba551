// SPDX-License-Identifier: Apache-2.0
// The texts of the one result enum. Must never fail: whatever number comes in, a phrase comes out.
// Pure; any thread.
#include "base/status.h"

const char *status_text(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return "ok";
    case STATUS_INVALID:
        return "invalid";
    case STATUS_NO_MEMORY:
        return "out of memory";
    case STATUS_TOO_LARGE:
        return "too large";
    case STATUS_FULL:
        return "full";
    case STATUS_IO:
        return "input or output failed";
    case STATUS_CLOSED:
        return "closed";
    case STATUS_TIMEOUT:
        return "timed out";
    case STATUS_NOT_FOUND:
        return "not found";
    case STATUS_CONFLICT:
        return "conflict";
    case STATUS_BUSY:
        return "busy";
    }
    return "unknown status";
}
