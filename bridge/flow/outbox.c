// SPDX-License-Identifier: Apache-2.0
// See outbox.h. Messages of one topic keep their order; a topic that has used up its rate does not hold the others.
// The loop's thread.
#include "flow/outbox.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/memory.h"
#include <stdlib.h>
#include <string.h>

struct topic_rate {
    uint64_t digest; // of the topic, 0: free
    int64_t used_ms;
    struct ratelimit rate;
};

struct outbox {
    struct flow *flow;
    struct mqtt *mqtt;
    struct store_message *window; // oldest first
    struct store_message **window_last;
    size_t window_count;
    bool handed[OUTBOX_WINDOW]; // by place in the window
    int64_t loaded_id;
    bool more;
    int64_t *removed; // acknowledged, to be taken out of the journal
    size_t removed_count;
    struct ratelimit client_rate;
    struct ratelimit_spec topic_spec;
    struct topic_rate *topics;
};

struct outbox *outbox_create(struct flow *flow, struct mqtt *mqtt)
{
    struct outbox *outbox = memory_must(calloc(1, sizeof *outbox));
    outbox->flow = flow;
    outbox->mqtt = mqtt;
    outbox->more = true;
    outbox->window_last = &outbox->window;
    return outbox;
}

static void free_rates(struct outbox *outbox)
{
    for (size_t i = 0; outbox->topics && i < OUTBOX_TOPICS_MAX; i++) {
        ratelimit_free(&outbox->topics[i].rate);
    }
    free(outbox->topics);
    outbox->topics = NULL;
    ratelimit_free(&outbox->client_rate);
}

static void drop_window(struct outbox *outbox)
{
    while (outbox->window) {
        struct store_message *next = outbox->window->next;
        free(outbox->window);
        outbox->window = next;
    }
    outbox->window_count = 0;
    outbox->window_last = &outbox->window;
}

void outbox_free(struct outbox *outbox)
{
    drop_window(outbox);
    free_rates(outbox);
    free(outbox->removed);
    free(outbox);
}

void outbox_set_mqtt(struct outbox *outbox, struct mqtt *mqtt)
{
    outbox->mqtt = mqtt;
    outbox_offline(outbox);
}

enum status outbox_set_rates(struct outbox *outbox, struct ratelimit_spec per_topic, struct ratelimit_spec per_client)
{
    free_rates(outbox);
    outbox->topic_spec = per_topic;
    if (per_topic.count != 0) {
        outbox->topics = memory_must(calloc(OUTBOX_TOPICS_MAX, sizeof *outbox->topics));
    }
    return ratelimit_init(&outbox->client_rate, per_client);
}

void outbox_arrived(struct outbox *outbox, int64_t last_id)
{
    outbox->more = outbox->more || last_id > outbox->loaded_id;
}

void outbox_take(struct outbox *outbox, struct store_message *messages)
{
    while (messages) {
        struct store_message *message = messages;
        messages = message->next;
        // Ids have no gaps where all come here; one that is missing, or no room, and the journal is read instead.
        if (!outbox->more && message->id == outbox->loaded_id + 1 && outbox->window_count < OUTBOX_WINDOW) {
            message->next = NULL;
            *outbox->window_last = message;
            outbox->window_last = &message->next;
            outbox->window_count++;
            outbox->loaded_id = message->id;
        } else {
            outbox->more = outbox->more || message->id > outbox->loaded_id;
            free(message);
        }
    }
}

void outbox_offline(struct outbox *outbox)
{
    // Read again from the beginning: what was handed over and not acknowledged is still there.
    drop_window(outbox);
    memset(outbox->handed, 0, sizeof outbox->handed);
    outbox->loaded_id = 0;
    outbox->more = true;
}

void outbox_published(struct outbox *outbox, int64_t id, const char *reason)
{
    size_t place = 0;
    for (struct store_message **at = &outbox->window; *at; at = &(*at)->next, place++) {
        struct store_message *message = *at;
        if (message->id != id) {
            continue;
        }
        if (reason[0]) {
            LOG_ERROR("broker refuses a message for good", LOG_SPAN("topic", message->topic), LOG_TEXT("why", reason));
        }
        *at = message->next;
        outbox->window_last = *at ? outbox->window_last : at;
        free(message);
        memmove(outbox->handed + place, outbox->handed + place + 1, OUTBOX_WINDOW - place - 1);
        outbox->handed[OUTBOX_WINDOW - 1] = false;
        outbox->window_count--;
        break;
    }
    outbox->removed = memory_must(realloc(outbox->removed, (outbox->removed_count + 1) * sizeof *outbox->removed));
    outbox->removed[outbox->removed_count++] = id;
}

static void refill(struct outbox *outbox)
{
    size_t room = OUTBOX_WINDOW - outbox->window_count;
    *outbox->window_last = store_next_messages(outbox->flow->reader, outbox->loaded_id, room);
    size_t got = 0;
    for (struct store_message *message = *outbox->window_last; message; message = message->next) {
        outbox->loaded_id = message->id;
        outbox->window_last = &message->next;
        outbox->window_count++;
        got++;
    }
    outbox->more = got == room;
}

// The rate of a topic; the place of the one that was not used for longest is taken when there is none free.
static struct ratelimit *find_rate(struct outbox *outbox, struct span topic)
{
    uint64_t digest = digest_of(topic) | 1;
    struct topic_rate *oldest = &outbox->topics[0];
    for (size_t i = 0; i < OUTBOX_TOPICS_MAX; i++) {
        struct topic_rate *rate = &outbox->topics[i];
        if (rate->digest == digest) {
            return &rate->rate;
        }
        oldest = rate->digest == 0 || (oldest->digest != 0 && rate->used_ms < oldest->used_ms) ? rate : oldest;
    }
    ratelimit_free(&oldest->rate);
    oldest->digest = digest;
    memory_check(ratelimit_init(&oldest->rate, outbox->topic_spec) == STATUS_OK);
    return &oldest->rate;
}

static int64_t rate_wait_ms(struct outbox *outbox, const struct store_message *message)
{
    int64_t now_ms = outbox->flow->now_ms;
    int64_t wait_ms = ratelimit_wait_ms(&outbox->client_rate, now_ms);
    if (outbox->topics) {
        int64_t topic_ms = ratelimit_wait_ms(find_rate(outbox, message->topic), now_ms);
        wait_ms = topic_ms > wait_ms ? topic_ms : wait_ms;
    }
    return wait_ms;
}

static void take_rate(struct outbox *outbox, const struct store_message *message)
{
    int64_t now_ms = outbox->flow->now_ms;
    ratelimit_take(&outbox->client_rate, now_ms);
    if (outbox->topics) {
        struct ratelimit *rate = find_rate(outbox, message->topic);
        ratelimit_take(rate, now_ms);
        for (size_t i = 0; i < OUTBOX_TOPICS_MAX; i++) {
            if (&outbox->topics[i].rate == rate) {
                outbox->topics[i].used_ms = now_ms;
            }
        }
    }
}

bool outbox_may_publish(struct outbox *outbox)
{
    return ratelimit_wait_ms(&outbox->client_rate, outbox->flow->now_ms) == 0;
}

void outbox_count(struct outbox *outbox)
{
    ratelimit_take(&outbox->client_rate, outbox->flow->now_ms);
}

static enum status hand_over(struct outbox *outbox, const struct store_message *message)
{
    struct mqtt_publication publication = {.id = message->id,
                                           .topic = message->topic,
                                           .payload = message->payload,
                                           .correlation = message->correlation,
                                           .retain = message->retain,
                                           .json = message->payload.len > 0};
    return mqtt_publish(outbox->mqtt, &publication);
}

// A newer status of the same run in the window makes this one superfluous; it is taken out instead of sent.
static bool superseded(const struct store_message *message)
{
    for (const struct store_message *later = message->next; later && message->progress_of != 0; later = later->next) {
        if (later->retain == message->retain && span_equal(later->topic, message->topic) &&
            later->progress_of == message->progress_of) {
            return true;
        }
    }
    return false;
}

// An earlier message of the topic has not gone: this one must not overtake it.
static bool overtakes(const struct outbox *outbox, const struct store_message *message, size_t place)
{
    size_t at = 0;
    for (const struct store_message *earlier = outbox->window; at < place; earlier = earlier->next, at++) {
        if (!outbox->handed[at] && span_equal(earlier->topic, message->topic)) {
            return true;
        }
    }
    return false;
}

static int64_t hand_over_waiting(struct outbox *outbox)
{
    int64_t wait_ms = FLOW_TICK_MS;
    bool limited = outbox->topics || outbox->client_rate.spec.count != 0;
    size_t place = 0;
    struct store_message *next = NULL;
    for (struct store_message *message = outbox->window; message; message = next) {
        next = message->next;
        if (outbox->handed[place]) {
            place++;
            continue;
        }
        if (limited) {
            if (superseded(message)) {
                outbox_published(outbox, message->id, "");
                continue; // the next one has this place now
            }
            int64_t rate_ms = rate_wait_ms(outbox, message);
            if (rate_ms > 0 || overtakes(outbox, message, place)) {
                wait_ms = rate_ms > 0 && rate_ms < wait_ms ? rate_ms : wait_ms;
                place++;
                continue;
            }
        }
        if (hand_over(outbox, message) != STATUS_OK) {
            break;
        }
        if (limited) {
            take_rate(outbox, message);
        }
        outbox->handed[place++] = true;
        if (message->id > outbox->flow->published_up_to) {
            outbox->flow->published_up_to = message->id;
        }
    }
    return wait_ms;
}

static void remove_acknowledged(struct outbox *outbox)
{
    if (outbox->removed_count == 0) {
        return;
    }
    struct store_change *change = memory_must(store_change_new());
    change->remove = outbox->removed;
    change->remove_count = outbox->removed_count;
    change->lazy = true; // at worst a message is published once more after a crash
    outbox->removed = NULL;
    outbox->removed_count = 0;
    flow_submit(outbox->flow, change, NULL, NULL);
}

int64_t outbox_turn(struct outbox *outbox)
{
    int64_t wait_ms = FLOW_TICK_MS;
    if (mqtt_room(outbox->mqtt) > 0) {
        if (outbox->more && outbox->window_count < OUTBOX_WINDOW) {
            refill(outbox);
        }
        wait_ms = hand_over_waiting(outbox);
    }
    remove_acknowledged(outbox);
    return wait_ms;
}
