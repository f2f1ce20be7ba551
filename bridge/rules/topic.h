// SPDX-License-Identifier: Apache-2.0
// MQTT topic names and filters, and the patterns of routes: a filter in which {name} stands for one level.
// Pure; any thread.
#ifndef RULES_TOPIC_H
#define RULES_TOPIC_H

#include "base/bytes.h"
#include "base/status.h"

#define TOPIC_MAX_BYTES 1024 // of a topic or filter that we accept, send or subscribe to (MQTT allows 65535)

// A topic name that may be published to: 1..TOPIC_MAX_BYTES, valid UTF-8, no '+', '#', NUL, other control character or
// noncharacter (utf8_printable): a broker may close the connection over them.
bool topic_name_valid(struct span name);
// A subscription filter: as above, with '+' and '#' only where MQTT allows them.
bool topic_filter_valid(struct span filter);
// Whether a filter matches a name, by MQTT 5 section 4.7 (a leading wildcard never matches a name that begins with
// '$').
bool topic_matches(struct span filter, struct span name);
// Whether some topic name is matched by both filters.
bool topic_filters_overlap(struct span a, struct span b);
// Appends pattern with every {name} level turned into '+' (a level that only contains a {name}, as "x-{name}", too):
// the filter to subscribe to, or the set of topics that a reply template can give.
void topic_pattern_to_filter(struct span pattern, struct bytes *filter);

#endif
