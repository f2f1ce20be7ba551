// SPDX-License-Identifier: Apache-2.0
// What the control address can do, one function for each method and path.
#ifndef EMULATOR_CONTROLS_H
#define EMULATOR_CONTROLS_H

#include "http.h"
#include "world.h"

#include <cjson/cJSON.h>
#include <stdint.h>

struct controls_call {
    struct world *world;
    const struct http_request *request;
    cJSON *body;          // an object, NULL where the call has none
    const char *argument; // the end of the path, NULL where the call has none
    int64_t since;        // of the query, 0 where there is none
    struct model_now now;
    struct http_reply *reply; // status is 200 and the body empty to begin with
};

// All run under the world's lock and fill the reply.
void controls_get_settings(struct controls_call *call);
void controls_put_settings(struct controls_call *call);
void controls_get_faults(struct controls_call *call);
void controls_post_fault(struct controls_call *call);
void controls_delete_faults(struct controls_call *call);
void controls_get_audit(struct controls_call *call);
void controls_delete_audit(struct controls_call *call);
void controls_get_count(struct controls_call *call);
void controls_get_requests(struct controls_call *call);
void controls_post_run(struct controls_call *call);
void controls_put_run(struct controls_call *call);
void controls_post_job(struct controls_call *call);
void controls_delete_job(struct controls_call *call);
void controls_put_token(struct controls_call *call);
void controls_delete_token(struct controls_call *call);

#endif
