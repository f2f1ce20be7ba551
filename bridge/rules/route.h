// SPDX-License-Identifier: Apache-2.0
// From a topic to what a configured route captures, and from captures to reply topics and context text.
//
//   filter  devices/{device}/jobs/{job}/cmd/{action}
//   topic   devices/d7/jobs/recalibrate/cmd/execute   captures device=d7 job=recalibrate action=execute
//   replies devices/{device}/jobs/{job}               gives devices/d7/jobs/recalibrate
//
// A route borrows the texts of the configuration that it was made from. Pure; any thread.
#ifndef RULES_ROUTE_H
#define RULES_ROUTE_H

#include "base/bytes.h"
#include "base/status.h"
#include "rules/topic.h"

#define ROUTE_CAPTURES_MAX 16

// Stands for {executionId} in an expanded reply topic until the id is known: no topic may contain it.
#define ROUTE_EXECUTION_MARK '\x1f'
// The same for {requestId} where the sender gave none: the bridge's own id is known once the command is in the journal.
#define ROUTE_REQUEST_MARK '\x1e'

struct route_captures {
    size_t count;
    struct span names[ROUTE_CAPTURES_MAX];  // into the route's filter
    struct span values[ROUTE_CAPTURES_MAX]; // into the topic
};

// A filter pattern of a route: captures and '+' (an unnamed level), each a whole level anywhere, '#' only at the end,
// each name once, [A-Za-z_][A-Za-z0-9_]* each; requestId, executionId and payload are taken. STATUS_INVALID with a
// phrase in *why (static) else.
enum status route_check_filter(struct span pattern, const char **why);
// A template of a reply topic: {name} must be a capture of filter, or (allow_ids) requestId or executionId.
// STATUS_INVALID with a phrase in *why (static) and the offending name in *which (empty when it is none) else.
enum status route_check_template(struct span text, struct span filter, bool allow_ids, const char **why,
                                 struct span *which);
// The same for a context template: {payload} is allowed too, a name that is neither a capture nor payload is an error,
// and JSON's own braces are told apart: only '{' identifier '}' without white space or quotes is a placeholder. What is
// no JSON object with any value put in is an error, too. STATUS_NO_MEMORY is possible.
enum status route_check_context(struct span text, struct span filter, const char **why, struct span *which);

// Whether topic matches pattern; fills captures (borrowing from both). An empty level is captured as "" and matches.
// As with a '+', a capture at the beginning never matches a topic that begins with '$'.
bool route_match(struct span pattern, struct span topic, struct route_captures *captures);
// Appends a topic that pattern matches, for somebody who has no topic yet: job and action in their places, other in
// those of all other captures. STATUS_INVALID when pattern has '+' or '#', or when it is no valid topic.
enum status route_address(struct span pattern, struct span job, struct span action, struct span other,
                          struct bytes *out);
// The value of one capture; false when there is none of that name.
bool route_capture(const struct route_captures *captures, const char *name, struct span *value);

// Appends the template with its captures put in; {requestId} becomes request_id with '/', '+', '#' and what no topic
// may contain as '_' (an empty one: ROUTE_REQUEST_MARK); {executionId} becomes ROUTE_EXECUTION_MARK. STATUS_INVALID
// when the result is no valid topic name, or a capture would make it begin with '$' (those topics are the broker's
// own); STATUS_TOO_LARGE when it is too long with an execution id in it, or out refuses it. What was appended until
// then stays in out.
enum status route_expand_topic(struct span text, const struct route_captures *captures, struct span request_id,
                               struct bytes *out);
// Appends the topic with the ids where their marks stand.
void route_put_ids(struct span topic, struct span request_id, struct span execution_id, struct bytes *out);
// Appends the context with captures and {payload} put in. Inside quotes both are escaped for JSON. Outside of them a
// capture must be one JSON value by itself (so that a topic cannot bring members of its own: "1,\"admin\":true"), and
// {payload} is the message verbatim when it is JSON by json_check, else as a JSON string; an empty message is null.
// STATUS_INVALID when a value is no valid UTF-8 or the result is not one JSON object; STATUS_TOO_LARGE when out refuses
// it.
enum status route_expand_context(struct span text, const struct route_captures *captures, struct span payload,
                                 struct bytes *out);
// Appends a text that is the same for the same captures and for no other (length-prefixed values): the scope of a
// requestId within the route.
void route_scope(struct span route_name, const struct route_captures *captures, struct bytes *out);

#endif
