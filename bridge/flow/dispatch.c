// SPDX-License-Identifier: Apache-2.0
// See dispatch.h: the turn of the stage, and what time alone brings about (retries due, expiry, `pending`).
// The loop's thread.
#include "flow/dispatch.h"
#include "base/log.h"
#include "base/memory.h"
#include "flow/dispatch_internal.h"
#include <stdlib.h>
#include <string.h>

struct dispatch *dispatch_create(struct flow *flow, const struct dispatch_next *next)
{
    struct dispatch *dispatch = memory_must(calloc(1, sizeof *dispatch));
    dispatch->flow = flow;
    dispatch->next = *next;
    int64_t first = store_first_open(flow->reader);
    dispatch->pending_after = first > 0 ? first - 1 : 0;
    return dispatch;
}

void dispatch_free(struct dispatch *dispatch)
{
    while (dispatch->attempts) {
        struct attempt *next = dispatch->attempts->next;
        attempt_free(dispatch->attempts);
        dispatch->attempts = next;
    }
    while (dispatch->lines) {
        struct line *next = dispatch->lines->next;
        line_free(dispatch->lines);
        dispatch->lines = next;
    }
    free(dispatch);
}

void dispatch_arrived(struct dispatch *dispatch, const char *job)
{
    if (job) {
        line_find(dispatch, job, true)->more = true;
    } else {
        line_load(dispatch);
    }
}

void dispatch_at_once(struct dispatch *dispatch, int64_t id)
{
    struct store_command command;
    if (store_load(dispatch->flow->reader, id, &command) == STATUS_OK) {
        if (command.state == COMMAND_READY) {
            answer_at_once(dispatch, &command);
        }
        store_command_free(&command);
    }
}

void dispatch_hurry(struct dispatch *dispatch, int64_t id)
{
    struct attempt *attempt = attempt_find(dispatch, id);
    if (attempt && attempt->phase == ATTEMPT_WAITING) {
        attempt->due_ms = dispatch->flow->now_ms;
    }
}

void dispatch_resume(struct dispatch *dispatch, int64_t id, const char *job)
{
    struct line *line = line_find(dispatch, job, true);
    (void)id;
    line->active++;
    line->executes++; // only an execute can be ambiguous
}

void dispatch_settled(struct dispatch *dispatch, int64_t id, const char *job, bool ready)
{
    struct line *line = line_find(dispatch, job, true);
    line->active--;
    line->executes--;
    line->blocked_until_ms = 0;
    if (ready && agenda_add(&line->again, 0, id) != STATUS_OK) {
        LOG_ERROR("too many commands to send again, the rest waits for a restart", LOG_TEXT("job", job));
    }
}

static void expire_attempt(struct dispatch *dispatch, struct attempt *attempt)
{
    flow_submit(dispatch->flow,
                flow_refuse(dispatch->flow, &attempt->command, COMMAND_EXPIRED, "expired", "Expired",
                            "its time to live ended while it waited for another try", 0),
                NULL, NULL);
    attempt_settle(attempt);
}

// Waiting attempts whose time has come, oldest command first, as the gate allows.
static int64_t retry_due(struct dispatch *dispatch)
{
    struct flow *flow = dispatch->flow;
    int64_t wait_ms = FLOW_TICK_MS;
    for (;;) {
        struct attempt *best = NULL;
        for (struct attempt *attempt = dispatch->attempts, *next = NULL; attempt; attempt = next) {
            next = attempt->next;
            if (attempt->phase != ATTEMPT_WAITING) {
                continue;
            }
            if (attempt->command.expires_ms <= flow->wall_ms) {
                expire_attempt(dispatch, attempt);
            } else if (attempt->due_ms > flow->now_ms) {
                wait_ms = attempt->due_ms - flow->now_ms < wait_ms ? attempt->due_ms - flow->now_ms : wait_ms;
            } else if (!best || attempt->command.id < best->command.id) {
                best = attempt;
            }
        }
        if (!best || gate_wait_ms(flow->gate, flow->now_ms) != 0) {
            return wait_ms;
        }
        attempt_retry(dispatch, best);
    }
}

enum start { START_DONE, START_BLOCKED, START_HELD, START_EMPTY };

// A waiting command of the line. START_DONE: it waits no longer.
static enum start start_one(struct dispatch *dispatch, struct line *line, int64_t id)
{
    static const enum start starts[] = {
        [PREPARED_DROPPED] = START_DONE, [PREPARED_BLOCKED] = START_BLOCKED, [PREPARED_HELD] = START_HELD};
    if (attempt_find(dispatch, id)) {
        return START_DONE; // it overtook the head, and the reader may be a commit behind
    }
    struct attempt *attempt = memory_must(calloc(1, sizeof *attempt));
    attempt->dispatch = dispatch;
    attempt->line = line;
    bytes_init(&attempt->body, (size_t)COMMAND_PAYLOAD_MAX * 4);
    enum status rc = store_load(dispatch->flow->reader, id, &attempt->command);
    if (rc != STATUS_OK || attempt->command.state != COMMAND_READY) {
        attempt_free(attempt);
        return rc == STATUS_IO ? START_BLOCKED : START_DONE; // the disk may come back
    }
    enum prepared result = prepare_command(dispatch, line, attempt);
    if (result == PREPARED) {
        attempt_start(dispatch, attempt);
        return START_DONE;
    }
    attempt_free(attempt);
    return starts[result];
}

// The head waits for a run to end: what is no execute need not wait with it, least of all the cancelExecution of that
// run. Nothing overtakes a barrier.
static enum start overtake(struct dispatch *dispatch, struct line *line)
{
    struct store_ref refs[DISPATCH_WINDOW];
    size_t count = store_list_others(dispatch->flow->reader, line->job, refs, DISPATCH_WINDOW);
    for (size_t i = 0; i < count && !action_is_barrier(refs[i].action); i++) {
        if (!attempt_find(dispatch, refs[i].id) && start_one(dispatch, line, refs[i].id) == START_DONE) {
            return START_DONE;
        }
    }
    return START_BLOCKED;
}

// The head of one line: started, dealt with otherwise, or blocked.
static enum start start_head(struct dispatch *dispatch, struct line *line)
{
    struct store_ref ref;
    if (line->barrier || line->retrying > 0 || line->blocked_until_ms > dispatch->flow->now_ms) {
        return START_BLOCKED;
    }
    if (!line_peek(dispatch, line, &ref)) {
        return START_EMPTY;
    }
    enum start start = start_one(dispatch, line, ref.id);
    if (start == START_DONE) {
        line_pop(line, ref.id);
    } else if (start == START_HELD) {
        start = overtake(dispatch, line);
    }
    if (start == START_BLOCKED) {
        line->blocked_until_ms = dispatch->flow->now_ms + DISPATCH_RECHECK_MS;
    }
    return start;
}

// Round robin over the lines, one command each, as long as the gate allows and something moves.
static int64_t start_waiting(struct dispatch *dispatch)
{
    struct flow *flow = dispatch->flow;
    // A change of a sweep may still be on its way to a row that would be loaded here.
    bool moved = dispatch->lines != NULL && dispatch->sweeping == 0;
    int64_t wait_ms = FLOW_TICK_MS;
    while (moved) {
        moved = false;
        struct line *first = dispatch->turn ? dispatch->turn : dispatch->lines;
        struct line *line = first;
        do {
            wait_ms = gate_wait_ms(flow->gate, flow->now_ms);
            if (wait_ms != 0 || dispatch->attempt_count >= DISPATCH_ATTEMPTS_MAX) {
                return wait_ms > 0 ? wait_ms : FLOW_TICK_MS;
            }
            moved = start_head(dispatch, line) == START_DONE || moved;
            line = line->next ? line->next : dispatch->lines;
            dispatch->turn = line;
        } while (line != first);
    }
    for (struct line *line = dispatch->lines; line; line = line->next) {
        int64_t left_ms = line->blocked_until_ms - flow->now_ms;
        if (left_ms > 0 && left_ms < FLOW_TICK_MS && (line->count > 0 || line->more || line->again.count > 0)) {
            wait_ms = wait_ms == 0 || left_ms < wait_ms ? left_ms : wait_ms;
        }
    }
    return wait_ms > 0 ? wait_ms : FLOW_TICK_MS;
}

static void after_sweep(struct store_change *change, void *context)
{
    struct dispatch *dispatch = context;
    (void)change;
    dispatch->sweeping--;
}

static void sweep_expired(struct dispatch *dispatch)
{
    struct flow *flow = dispatch->flow;
    struct store_ref refs[DISPATCH_SWEEP_MAX];
    size_t count = store_list_expired(flow->reader, flow->wall_ms, refs, DISPATCH_SWEEP_MAX);
    for (size_t i = 0; i < count; i++) {
        struct store_command command;
        if (store_load(flow->reader, refs[i].id, &command) != STATUS_OK) {
            continue;
        }
        if (command.state == COMMAND_READY && !attempt_find(dispatch, command.id)) {
            dispatch->sweeping++;
            flow_submit(flow,
                        flow_refuse(flow, &command, COMMAND_EXPIRED, "expired", "Expired",
                                    "its time to live ended before it was sent", 0),
                        after_sweep, dispatch);
        }
        store_command_free(&command);
    }
}

static void tell_pending(struct dispatch *dispatch, struct store_command *command)
{
    struct flow_run run = {.execution_id = "", .state = "pending", .progress = 0};
    struct store_change *change = flow_change(command, command->state);
    change->fields = STORE_SET_PENDED;
    flow_tell_status(flow_telling(dispatch->flow), change, command, &run);
    command->seq = change->seq;
    command->pended = true;
    dispatch->sweeping++;
    flow_submit(dispatch->flow, change, after_sweep, dispatch);
}

static void sweep_unanswered(struct dispatch *dispatch)
{
    struct flow *flow = dispatch->flow;
    int64_t ids[DISPATCH_SWEEP_MAX];
    size_t scanned = 0;
    size_t count = store_list_unanswered(flow->reader, dispatch->pending_after, flow->wall_ms - DISPATCH_PENDING_MS,
                                         &dispatch->pending_after, ids, DISPATCH_SWEEP_MAX, &scanned);
    if (scanned == DISPATCH_SWEEP_MAX) {
        dispatch->next_sweep_ms = flow->now_ms;
    }
    for (size_t i = 0; i < count; i++) {
        // One that is under way has its truth in the attempt: the row may be a commit behind it.
        struct attempt *attempt = attempt_find(dispatch, ids[i]);
        if (attempt) {
            if (!attempt->command.pended &&
                (attempt->phase == ATTEMPT_IN_FLIGHT || attempt->phase == ATTEMPT_WAITING)) {
                tell_pending(dispatch, &attempt->command);
            }
            continue;
        }
        struct store_command command;
        if (store_load(flow->reader, ids[i], &command) == STATUS_OK) {
            if (command.state == COMMAND_READY && !command.pended) {
                tell_pending(dispatch, &command);
            }
            store_command_free(&command);
        }
    }
}

int64_t dispatch_turn(struct dispatch *dispatch)
{
    struct flow *flow = dispatch->flow;
    if (flow->now_ms >= dispatch->next_sweep_ms && dispatch->sweeping == 0) {
        dispatch->next_sweep_ms = flow->now_ms + FLOW_TICK_MS;
        sweep_expired(dispatch);
        if (dispatch->sweeping == 0) {
            sweep_unanswered(dispatch);
        }
    }
    int64_t retry_ms = retry_due(dispatch);
    int64_t start_ms = start_waiting(dispatch);
    return retry_ms < start_ms ? retry_ms : start_ms;
}
