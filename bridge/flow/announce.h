// SPDX-License-Identifier: Apache-2.0
// Home Assistant discovery: each job of the configuration that may be executed is announced by retained messages, and
// taken back when it goes. What is announced stands in the journal, committed together with the messages, so that it is
// also taken back when the job went while the bridge was away. The loop's thread.
#ifndef FLOW_ANNOUNCE_H
#define FLOW_ANNOUNCE_H

#include "flow/flow.h"

// Queues what is not announced yet, and what is to be taken back. again: also what should be known already, because
// Home Assistant or the broker may have forgotten it.
void announce_jobs(const struct flow *flow, bool again);

#endif
