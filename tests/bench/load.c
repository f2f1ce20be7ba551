// SPDX-License-Identifier: Apache-2.0
// The load of tests/bench: publishes commands with QoS 1, receives the answers with QoS 1, and prints one line of JSON:
// how many, how long, and the latencies from the time a command was due to its answer (due, not sent: a bridge that
// holds the generator up must not look fast by it). Bounded in count and time. Must never be what is measured: see the
// mode "direct", which sends to the answers' topic itself. "publish" waits for no answers, "listen" only counts them.
#include "wire.h"
#include <err.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEVICES    1000 // each its own topic; the answer's topic says which command it belongs to
#define JOBS_MAX   1000
#define PROMPT_NS  200000
#define ANSWERS    "devices/+/jobs/+/accepted"
#define WAITING_NO (-1)

enum mode { MODE_ANSWERED, MODE_DIRECT, MODE_PUBLISH, MODE_LISTEN };

struct load {
    struct wire out;
    struct wire in;
    enum mode mode;
    long count;
    double rate; // a second, 0: as the window allows
    long window; // published and not acknowledged
    long open;   // published and not answered
    long jobs;
    int64_t limit_ns;
    long published, acknowledged, answered, stray;
    int64_t begun_ns, last_answer_ns;
    int64_t *due_ns;      // of each command
    int64_t *latency_ns;  // of each answer
    long first[DEVICES];  // the oldest unanswered command of each device, WAITING_NO: none
    long *next_of_device; // of each command
    long newest[DEVICES];
};

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool publish_one(struct load *load, int64_t due_ns)
{
    char topic[128];
    char payload[256];
    long number = load->published;
    long device = number % DEVICES;
    const char *end = load->mode == MODE_DIRECT ? "accepted" : "cmd/execute";
    if (load->jobs > 1) {
        snprintf(topic, sizeof topic, "devices/d%ld/jobs/job%ld/%s", device, number % load->jobs, end);
    } else {
        snprintf(topic, sizeof topic, "devices/d%ld/jobs/recalibrate/%s", device, end);
    }
    int len = snprintf(payload, sizeof payload,
                       "{\"requestId\":\"bench-%d-%ld\",\"templateContext\":{\"device\":\"d%ld\",\"number\":%ld,"
                       "\"reason\":\"drift of the second sensor\"}}",
                       (int)getpid(), number, device, number);
    if (!wire_publish(&load->out, topic, payload, (size_t)len)) {
        return false;
    }
    load->due_ns[number] = due_ns;
    load->next_of_device[number] = WAITING_NO;
    if (load->first[device] == WAITING_NO) {
        load->first[device] = number;
    } else {
        load->next_of_device[load->newest[device]] = number;
    }
    load->newest[device] = number;
    load->published++;
    return true;
}

static void publish_due(struct load *load)
{
    int64_t now = now_ns();
    while (load->published < load->count) {
        int64_t due = now;
        if (load->rate > 0) {
            due = load->begun_ns + (int64_t)((double)load->published * 1e9 / load->rate);
        }
        if (due > now || load->published - load->acknowledged >= load->window ||
            load->published - load->answered >= load->open || !publish_one(load, due)) {
            return;
        }
    }
}

static void take_answer(struct load *load, const struct wire_packet *packet)
{
    static const char begin[] = "devices/d";
    long device = 0;
    load->last_answer_ns = now_ns();
    load->begun_ns = load->mode == MODE_LISTEN && load->stray == 0 ? load->last_answer_ns : load->begun_ns;
    for (size_t i = sizeof begin - 1; i < packet->topic_len && packet->topic[i] != '/'; i++) {
        device = device * 10 + (packet->topic[i] - '0');
    }
    long number = device >= 0 && device < DEVICES ? load->first[device] : WAITING_NO;
    if (number == WAITING_NO) {
        load->stray++;
        return;
    }
    load->first[device] = load->next_of_device[number];
    load->latency_ns[load->answered++] = load->last_answer_ns - load->due_ns[number];
}

static void take_packets(struct load *load)
{
    size_t at = 0;
    struct wire_packet packet;
    while (wire_next(&load->out, &at, &packet)) {
        load->acknowledged += packet.type == 4;
    }
    wire_forget(&load->out, at);
    at = 0;
    while (wire_next(&load->in, &at, &packet)) {
        if (packet.type == 3) {
            take_answer(load, &packet);
            wire_acknowledge(&load->in, packet.id);
        }
    }
    wire_forget(&load->in, at);
}

static bool done(const struct load *load)
{
    if (load->mode == MODE_LISTEN) {
        return load->stray >= load->count;
    }
    return load->acknowledged >= load->count && (load->mode == MODE_PUBLISH || load->answered >= load->count);
}

static int wait_ms(const struct load *load)
{
    if (load->rate <= 0 || load->published >= load->count) {
        return 100;
    }
    int64_t due = load->begun_ns + (int64_t)((double)load->published * 1e9 / load->rate);
    int64_t left_ns = due - now_ns();
    return left_ns < PROMPT_NS ? 0 : left_ns > 100000000 ? 100 : (int)(left_ns / 1000000);
}

static void run(struct load *load)
{
    load->begun_ns = load->last_answer_ns = now_ns();
    while (!done(load) && now_ns() - load->begun_ns < load->limit_ns) {
        if (load->mode != MODE_LISTEN) {
            publish_due(load);
        }
        if (!wire_exchange(&load->out) || !wire_exchange(&load->in)) {
            errx(1, "the broker closed the connection");
        }
        take_packets(load);
        struct pollfd fds[2] = {{.fd = load->out.fd, .events = POLLIN}, {.fd = load->in.fd, .events = POLLIN}};
        fds[0].events |= load->out.out_len > 0 ? POLLOUT : 0;
        fds[1].events |= load->in.out_len > 0 ? POLLOUT : 0;
        poll(fds, 2, wait_ms(load));
    }
    wire_exchange(&load->in); // the last acknowledgements
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static double percentile_us(const struct load *load, double part)
{
    if (load->answered == 0) {
        return -1;
    }
    long place = (long)((double)load->answered * part);
    place = place < load->answered ? place : load->answered - 1;
    return (double)load->latency_ns[place] / 1000;
}

static void print(struct load *load)
{
    qsort(load->latency_ns, (size_t)load->answered, sizeof *load->latency_ns, compare);
    int64_t end_ns = load->mode == MODE_PUBLISH ? now_ns() : load->last_answer_ns;
    printf("{\"published\":%ld,\"acknowledged\":%ld,\"answered\":%ld,\"stray\":%ld,\"seconds\":%.6f,"
           "\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f}\n",
           load->published, load->acknowledged, load->answered, load->stray, (double)(end_ns - load->begun_ns) / 1e9,
           percentile_us(load, 0.5), percentile_us(load, 0.99), percentile_us(load, 0.999), percentile_us(load, 1));
}

static void usage(void)
{
    fputs("usage: load -p PORT [-m answered|direct|publish|listen] [-n COUNT] [-r RATE] [-w WINDOW] [-o OPEN] [-j "
          "JOBS] [-t "
          "SECONDS]\n",
          stderr);
    exit(64);
}

static enum mode parse_mode(const char *text)
{
    static const char *const names[] = {"answered", "direct", "publish", "listen"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(names[i], text) == 0) {
            return (enum mode)i;
        }
    }
    usage();
    return MODE_ANSWERED;
}

int main(int argc, char **argv)
{
    struct load *load = calloc(1, sizeof *load);
    int port = 0;
    int option = 0;
    if (!load) {
        err(1, "out of memory");
    }
    load->count = 1000;
    load->window = 100;
    load->open = LONG_MAX;
    load->jobs = 1;
    load->limit_ns = 60000000000;
    while ((option = getopt(argc, argv, "p:m:n:r:w:o:j:t:")) != -1) {
        switch (option) {
        case 'p':
            port = atoi(optarg);
            break;
        case 'm':
            load->mode = parse_mode(optarg);
            break;
        case 'n':
            load->count = atol(optarg);
            break;
        case 'r':
            load->rate = atof(optarg);
            break;
        case 'w':
            load->window = atol(optarg);
            break;
        case 'o':
            load->open = atol(optarg);
            break;
        case 'j':
            load->jobs = atol(optarg);
            break;
        case 't':
            load->limit_ns = (int64_t)(atof(optarg) * 1e9);
            break;
        default:
            usage();
        }
    }
    if (port <= 0 || load->count <= 0 || load->jobs <= 0 || load->jobs > JOBS_MAX) {
        usage();
    }
    load->due_ns = calloc((size_t)load->count, sizeof *load->due_ns);
    load->latency_ns = calloc((size_t)load->count, sizeof *load->latency_ns);
    load->next_of_device = calloc((size_t)load->count, sizeof *load->next_of_device);
    if (!load->due_ns || !load->latency_ns || !load->next_of_device) {
        err(1, "out of memory");
    }
    for (int i = 0; i < DEVICES; i++) {
        load->first[i] = WAITING_NO;
    }
    wire_connect(&load->in, port, "load-in");
    wire_connect(&load->out, port, "load-out");
    if (load->mode != MODE_PUBLISH) {
        wire_subscribe(&load->in, ANSWERS);
    }
    run(load);
    print(load);
    return done(load) ? 0 : 1;
}
