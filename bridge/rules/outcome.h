// SPDX-License-Identifier: Apache-2.0
// What the answer of the API (or its absence) means for the command: one table. Pure; any thread.
#ifndef RULES_OUTCOME_H
#define RULES_OUTCOME_H

#include "rules/command.h"

enum transport {
    TRANSPORT_OK,       // a complete response came
    TRANSPORT_NOT_SENT, // no request can have reached the API: resolving, connecting or the TLS handshake failed
    TRANSPORT_LOST,     // sent at least in part; the answer is missing or incomplete
};

struct outcome_input {
    enum action action;
    bool repeated; // an earlier attempt of this command may have acted (matters for delete: 404 is then success)
    enum transport transport;
    int http_status;         // when TRANSPORT_OK
    struct span body;        // when TRANSPORT_OK
    struct span retry_after; // the header's value, empty when absent: seconds or an HTTP date
    int64_t wall_ms;         // now, for a Retry-After that is a date
};

enum outcome_kind {
    OUTCOME_DONE,         // the API did it
    OUTCOME_REFUSED,      // it never will: tell the sender
    OUTCOME_RETRY,        // surely not done: send again later
    OUTCOME_AMBIGUOUS,    // perhaps done: find out first (execute only; repeatable actions get RETRY)
    OUTCOME_UNAUTHORIZED, // surely not done; the token is to be read again, and the API held until it works
};

#define OUTCOME_TYPE_BYTES         64
#define OUTCOME_MESSAGE_BYTES      512
#define OUTCOME_RETRY_AFTER_MAX_MS 3600000 // a longer Retry-After is cut to this

struct outcome {
    enum outcome_kind kind;
    bool api_down;          // counts as a failure for the breaker (no answer of the API, 5xx); a 4xx is an answer
    int64_t retry_after_ms; // -1: the API named none, or DONE
    char execution_id[COMMAND_ID_BYTES];       // DONE of an execute
    char error_type[OUTCOME_TYPE_BYTES];       // else: the API's own type, or one made from the status ("Http503")
    char error_message[OUTCOME_MESSAGE_BYTES]; // else: the API's own text, cut at a code point, or ours
};

// 2xx with the schema's answer: DONE. 2xx that is no answer of the API (not JSON, no success, no executionId):
// AMBIGUOUS for execute, RETRY else. DONE needs {"success": true} for execute (and a valid executionId),
// cancelExecution and delete; an object for get and patch; an array for logs. 3xx: RETRY (the API never redirects: a
// captive portal does). 401 UNAUTHORIZED. 408, 425, 429, 5xx: RETRY; 408 and 5xx are AMBIGUOUS for execute. Any other
// 4xx: REFUSED. A delete that was repeated and gets 404: DONE. ACTION_STATUS never reaches the API; it is judged as get
// is.
void outcome_decide(const struct outcome_input *input, struct outcome *out);
// Milliseconds of a Retry-After value ("120", or any of the three HTTP date forms against wall_ms), -1 when it is
// neither; never negative else, at most OUTCOME_RETRY_AFTER_MAX_MS.
int64_t outcome_retry_after_ms(struct span value, int64_t wall_ms);
// An HTTP date (RFC 9110 section 5.6.7, all three forms) in ms since the epoch, -1 when it is none or before 1970. The
// obsolete form's two-digit years are 1970 to 2069. The name of the weekday must be one, but need not be the right one.
int64_t outcome_http_date_ms(struct span value);

#endif
