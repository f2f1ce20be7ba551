// SPDX-License-Identifier: Apache-2.0
// A floor of tests/bench: nothing but POSTs through libcurl's multi interface, with as many in flight as the bridge
// has. Arguments: URL, count, in flight. Prints one line of JSON: the rate, the CPU of each, and the latencies. One
// thread.
#include <curl/curl.h>
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define IN_FLIGHT_MAX 64

static const char body[] = "{\"templateContext\":\"{\\\"device\\\":\\\"d1\\\",\\\"number\\\":1,\\\"reason\\\":"
                           "\\\"drift of the second sensor\\\",\\\"_jobbridge\\\":\\\"0123456789-1\\\"}\"}";

struct call {
    CURL *easy;
    int64_t begun_ns;
};

static int64_t now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static size_t take(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    (void)context;
    return size * count;
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void begin(CURLM *multi, struct call *call)
{
    call->begun_ns = now_ns(CLOCK_MONOTONIC);
    curl_multi_add_handle(multi, call->easy);
}

int main(int argc, char **argv)
{
    long count = argc == 4 ? atol(argv[2]) : 0;
    long in_flight = argc == 4 ? atol(argv[3]) : 0;
    if (count <= 0 || in_flight <= 0 || in_flight > IN_FLIGHT_MAX) {
        errx(64, "usage: floor-curl URL COUNT IN_FLIGHT");
    }
    int64_t *latency_ns = calloc((size_t)count, sizeof *latency_ns);
    struct call calls[IN_FLIGHT_MAX];
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURLM *multi = curl_multi_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Authorization: Bearer bench");
    headers = curl_slist_append(headers, "Expect:");
    if (!latency_ns || !multi || !headers) {
        err(1, "out of memory");
    }
    long begun = 0;
    long ended = 0;
    int64_t from_ns = now_ns(CLOCK_MONOTONIC);
    int64_t cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (; begun < in_flight && begun < count; begun++) {
        calls[begun].easy = curl_easy_init();
        curl_easy_setopt(calls[begun].easy, CURLOPT_URL, argv[1]);
        curl_easy_setopt(calls[begun].easy, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(calls[begun].easy, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(calls[begun].easy, CURLOPT_WRITEFUNCTION, take);
        curl_easy_setopt(calls[begun].easy, CURLOPT_PRIVATE, &calls[begun]);
        begin(multi, &calls[begun]);
    }
    while (ended < count) {
        int running = 0;
        int left = 0;
        CURLMsg *message = NULL;
        curl_multi_perform(multi, &running);
        while ((message = curl_multi_info_read(multi, &left))) {
            struct call *call = NULL;
            if (message->data.result != CURLE_OK) {
                errx(1, "%s", curl_easy_strerror(message->data.result));
            }
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
            curl_multi_remove_handle(multi, call->easy);
            latency_ns[ended++] = now_ns(CLOCK_MONOTONIC) - call->begun_ns;
            if (begun < count) {
                begun++;
                begin(multi, call);
            }
        }
        curl_multi_poll(multi, NULL, 0, ended < count ? 100 : 0, NULL);
    }
    double seconds = (double)(now_ns(CLOCK_MONOTONIC) - from_ns) / 1e9;
    double cpu_us = (double)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns) / 1e3;
    qsort(latency_ns, (size_t)count, sizeof *latency_ns, compare);
    printf("{\"rate\":%.1f,\"cpu_us\":%.3f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n", (double)count / seconds,
           cpu_us / (double)count, (double)latency_ns[count / 2] / 1e3, (double)latency_ns[count * 99 / 100] / 1e3);
    return 0;
}
