// SPDX-License-Identifier: Apache-2.0
// The operations of the resource-job API: a request that has been read goes in, the answer comes out, the world has
// changed.
#ifndef EMULATOR_API_H
#define EMULATOR_API_H

#include "http.h"
#include "op.h"
#include "world.h"

// Checks the request as the API would (path, token, scope, ids, parameters, body, in this order), acts, and fills the
// reply. Takes the world's lock. Any thread.
void api_act(struct world *world, const struct http_request *request, const struct op_route *route,
             struct http_reply *reply);

#endif
