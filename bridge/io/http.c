// SPDX-License-Identifier: Apache-2.0
// See http.h. The one trap that this file is about: when a kept connection dies before the first byte of an answer,
// libcurl sends the request again on a new one (Curl_retry_request in lib/transfer.c of 7.88), for POST too. The API
// has no idempotency key, so that would be a second run. The body is therefore given by a callback that cannot rewind:
// curl then fails with CURLE_SEND_FAIL_REWIND instead, and the caller finds out what happened. The loop's thread.
#include "io/http.h"
#include "base/log.h"
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct call {
    struct call *next; // in the list of all in flight
    struct call *prev;
    CURL *easy;
    struct curl_slist *headers;
    struct bytes url;
    struct bytes request;
    size_t sent; // of request
    bool read_started;
    struct bytes response;
    char retry_after[HTTP_HEADER_MAX_BYTES];
    char date[HTTP_HEADER_MAX_BYTES];
    char error[CURL_ERROR_SIZE];
    int64_t tag;
    http_done *done;
    void *context;
};

struct http {
    CURLM *multi;
    struct bytes base_url;
    struct bytes ca_file;
    struct bytes authorization; // the whole header line
    int64_t connect_timeout_ms;
    int64_t request_timeout_ms;
    struct call *first;
    size_t in_flight;
    CURL *idle[HTTP_IDLE_HANDLES];
    size_t idle_count;
};

static void wipe(struct bytes *bytes)
{
    if (bytes->data) {
        explicit_bzero(bytes->data, bytes->len);
    }
    bytes_clear(bytes);
}

enum status http_create(const struct http_settings *settings, struct http **out)
{
    *out = NULL;
    struct http *http = calloc(1, sizeof *http);
    if (!http || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(http);
        return STATUS_NO_MEMORY;
    }
    bytes_init(&http->base_url, HTTP_URL_MAX_BYTES);
    bytes_init(&http->ca_file, 4096);
    bytes_init(&http->authorization, 32768);
    http->multi = curl_multi_init();
    if (!http->multi || http_set(http, settings) != STATUS_OK) {
        http_free(http);
        return STATUS_NO_MEMORY;
    }
    *out = http;
    return STATUS_OK;
}

enum status http_set(struct http *http, const struct http_settings *settings)
{
    bytes_clear(&http->base_url);
    bytes_add_text(&http->base_url, settings->base_url);
    bytes_clear(&http->ca_file);
    bytes_add_text(&http->ca_file, settings->ca_file);
    http->connect_timeout_ms = settings->connect_timeout_ms;
    http->request_timeout_ms = settings->request_timeout_ms;
    curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)settings->max_connections);
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)settings->max_connections);
    return bytes_ok(&http->base_url) && bytes_ok(&http->ca_file) ? STATUS_OK : STATUS_TOO_LARGE;
}

enum status http_set_token(struct http *http, struct span token)
{
    wipe(&http->authorization);
    bytes_add_text(&http->authorization, "Authorization: Bearer ");
    bytes_add_span(&http->authorization, token);
    return bytes_ok(&http->authorization) ? STATUS_OK : STATUS_TOO_LARGE;
}

static void free_call(struct http *http, struct call *call)
{
    if (call->easy) {
        curl_easy_reset(call->easy); // before the headers that it points to go
        if (http->idle_count < HTTP_IDLE_HANDLES) {
            http->idle[http->idle_count++] = call->easy;
        } else {
            curl_easy_cleanup(call->easy);
        }
    }
    for (struct curl_slist *header = call->headers; header; header = header->next) {
        explicit_bzero(header->data, strlen(header->data));
    }
    curl_slist_free_all(call->headers);
    bytes_free(&call->url);
    bytes_free(&call->request);
    bytes_free(&call->response);
    free(call);
}

static void unlink_call(struct http *http, struct call *call)
{
    curl_multi_remove_handle(http->multi, call->easy);
    if (call->prev) {
        call->prev->next = call->next;
    } else {
        http->first = call->next;
    }
    if (call->next) {
        call->next->prev = call->prev;
    }
    http->in_flight--;
}

void http_free(struct http *http)
{
    while (http->first) {
        struct call *call = http->first;
        unlink_call(http, call);
        free_call(http, call);
    }
    while (http->idle_count > 0) {
        curl_easy_cleanup(http->idle[--http->idle_count]);
    }
    curl_multi_cleanup(http->multi);
    wipe(&http->authorization);
    bytes_free(&http->authorization);
    bytes_free(&http->base_url);
    bytes_free(&http->ca_file);
    free(http);
    curl_global_cleanup();
}

static size_t read_body(char *buffer, size_t size, size_t count, void *context)
{
    struct call *call = context;
    if (call->sent == call->request.len) {
        return CURL_READFUNC_ABORT; // it was given once: whoever asks again means to send it again
    }
    size_t left = call->request.len - call->sent;
    size_t part = left < size * count ? left : size * count;
    call->read_started = true;
    memcpy(buffer, call->request.data + call->sent, part);
    call->sent += part;
    return part;
}

static int refuse_rewind(void *context, curl_off_t offset, int origin)
{
    const struct call *call = context;
    (void)offset;
    (void)origin;
    return call->read_started ? CURL_SEEKFUNC_FAIL : CURL_SEEKFUNC_OK;
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct call *call = context;
    bytes_add(&call->response, data, size * count);
    return bytes_ok(&call->response) ? size * count : 0;
}

static void copy_header(struct span line, const char *name, char value[HTTP_HEADER_MAX_BYTES])
{
    size_t skip = strlen(name);
    if (line.len <= skip || strncasecmp(line.at, name, skip) != 0) {
        return;
    }
    while (skip < line.len && line.at[skip] == ' ') {
        skip++;
    }
    size_t end = line.len;
    while (end > skip && (line.at[end - 1] == '\r' || line.at[end - 1] == '\n' || line.at[end - 1] == ' ')) {
        end--;
    }
    snprintf(value, HTTP_HEADER_MAX_BYTES, "%.*s", (int)(end - skip), line.at + skip);
}

static size_t take_header(char *data, size_t size, size_t count, void *context)
{
    struct call *call = context;
    struct span line = {data, size * count};
    copy_header(line, "retry-after:", call->retry_after);
    copy_header(line, "date:", call->date);
    return line.len;
}

static bool add_header(struct call *call, const char *line)
{
    struct curl_slist *longer = curl_slist_append(call->headers, line);
    if (!longer) {
        return false;
    }
    call->headers = longer;
    return true;
}

static bool add_headers(const struct http *http, struct call *call)
{
    bool ok = add_header(call, bytes_text(&http->authorization)) && add_header(call, "Accept: application/json") &&
              add_header(call, "Accept-Version: ^1.30.0") && add_header(call, "Expect:");
    if (ok && call->request.len > 0) {
        ok = add_header(call, "Content-Type: application/json");
    }
    return ok;
}

static void set_method(struct call *call, enum http_method method)
{
    if (method == HTTP_POST && call->request.len == 0) {
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, "");
    } else if (method == HTTP_POST || method == HTTP_PATCH) {
        // Size known and given by callback: nothing for curl to send again from.
        curl_easy_setopt(call->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->request.len);
        curl_easy_setopt(call->easy, CURLOPT_READFUNCTION, read_body);
        curl_easy_setopt(call->easy, CURLOPT_READDATA, call);
        curl_easy_setopt(call->easy, CURLOPT_SEEKFUNCTION, refuse_rewind);
        curl_easy_setopt(call->easy, CURLOPT_SEEKDATA, call);
    }
    if (method == HTTP_DELETE) {
        // Nothing to rewind here; only a connection of its own keeps curl from sending it again, and from a 404 for
        // what the first one did.
        curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1L);
    }
    if (method == HTTP_PATCH || method == HTTP_DELETE) {
        curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, method == HTTP_PATCH ? "PATCH" : "DELETE");
    }
}

static void set_options(const struct http *http, struct call *call)
{
    CURL *easy = call->easy;
    curl_easy_setopt(easy, CURLOPT_URL, bytes_text(&call->url));
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, strncmp(bytes_text(&call->url), "https:", 6) == 0 ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)http->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)http->request_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 16384L); // the least: made and freed with each call
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "jobbridge/" JOBBRIDGE_VERSION);
    if (http->ca_file.len > 0) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, bytes_text(&http->ca_file));
    }
}

static struct call *make_call(struct http *http, const struct http_request *request)
{
    struct call *call = calloc(1, sizeof *call);
    if (!call) {
        return NULL;
    }
    call->tag = request->tag;
    call->done = request->done;
    call->context = request->context;
    bytes_init(&call->url, HTTP_URL_MAX_BYTES);
    bytes_init(&call->request, HTTP_RESPONSE_MAX_BYTES);
    bytes_init(&call->response, HTTP_RESPONSE_MAX_BYTES);
    bytes_add_span(&call->url, bytes_span(&http->base_url));
    bytes_add_text(&call->url, request->path);
    bytes_add_span(&call->request, request->body);
    call->easy = http->idle_count > 0 ? http->idle[--http->idle_count] : curl_easy_init();
    if (!call->easy || !bytes_ok(&call->url) || !bytes_ok(&call->request) || !add_headers(http, call)) {
        free_call(http, call);
        return NULL;
    }
    set_options(http, call);
    set_method(call, request->method);
    return call;
}

enum status http_send(struct http *http, const struct http_request *request)
{
    struct call *call = make_call(http, request);
    if (!call) {
        return STATUS_NO_MEMORY;
    }
    if (curl_multi_add_handle(http->multi, call->easy) != CURLM_OK) {
        free_call(http, call);
        return STATUS_NO_MEMORY;
    }
    call->next = http->first;
    if (http->first) {
        http->first->prev = call;
    }
    http->first = call;
    http->in_flight++;
    return STATUS_OK;
}

size_t http_in_flight(const struct http *http)
{
    return http->in_flight;
}

// Bytes of the request on the wire mean that it may have been acted on, whatever went wrong afterwards.
static enum transport judge(const struct call *call, CURLcode rc)
{
    if (rc == CURLE_OK) {
        return TRANSPORT_OK;
    }
    long request_bytes = 0;
    curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    return request_bytes == 0 && !call->read_started ? TRANSPORT_NOT_SENT : TRANSPORT_LOST;
}

static void end_call(struct http *http, struct call *call, CURLcode rc)
{
    struct http_response response = {.transport = judge(call, rc), .error = ""};
    if (rc == CURLE_OK) {
        long status = 0;
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
        response.status = (int)status;
        response.body = bytes_span(&call->response);
    } else {
        response.error = call->error[0] ? call->error : curl_easy_strerror(rc);
    }
    curl_off_t took_us = 0;
    curl_easy_getinfo(call->easy, CURLINFO_TOTAL_TIME_T, &took_us);
    response.took_us = took_us;
    response.retry_after = span_of(call->retry_after);
    response.date = span_of(call->date);
    unlink_call(http, call);
    call->done(call->context, call->tag, &response);
    free_call(http, call);
}

void http_run(struct http *http)
{
    int running = 0;
    int left = 0;
    curl_multi_perform(http->multi, &running);
    CURLMsg *message = NULL;
    while ((message = curl_multi_info_read(http->multi, &left))) {
        if (message->msg == CURLMSG_DONE) {
            CURLcode rc = message->data.result;
            struct call *call = NULL;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
            end_call(http, call, rc);
        }
    }
}

void http_wait(struct http *http, const int fds[], size_t count, int64_t timeout_ms)
{
    struct curl_waitfd extra[HTTP_WAIT_FDS_MAX];
    unsigned used = 0;
    for (size_t i = 0; i < count && used < HTTP_WAIT_FDS_MAX; i++) {
        if (fds[i] >= 0) {
            extra[used++] = (struct curl_waitfd){.fd = fds[i], .events = CURL_WAIT_POLLIN};
        }
    }
    curl_multi_poll(http->multi, extra, used, (int)timeout_ms, NULL);
}

void http_wake(struct http *http)
{
    curl_multi_wakeup(http->multi);
}

enum http_reach http_reach(const struct http_reach_settings *settings, char *why, size_t why_bytes)
{
    char error[CURL_ERROR_SIZE] = "";
    why[0] = '\0';
    CURL *easy = curl_easy_init();
    if (!easy) {
        return HTTP_REACH_NO_CONNECTION;
    }
    curl_easy_setopt(easy, CURLOPT_URL, settings->url);
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)settings->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, settings->alpn ? 1L : 0L);
    if (!settings->verify) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (settings->ca_file[0]) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file);
    }
    if (settings->cert_file[0]) {
        curl_easy_setopt(easy, CURLOPT_SSLCERT, settings->cert_file);
        curl_easy_setopt(easy, CURLOPT_SSLKEY, settings->key_file);
    }
    CURLcode rc = curl_easy_perform(easy);
    curl_easy_cleanup(easy);
    snprintf(why, why_bytes, "%s", rc == CURLE_OK ? "" : error[0] ? error : curl_easy_strerror(rc));
    switch (rc) {
    case CURLE_OK:
        return HTTP_REACH_OK;
    case CURLE_COULDNT_RESOLVE_HOST:
        return HTTP_REACH_NO_HOST;
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_REACH_NO_CONNECTION;
    default:
        return HTTP_REACH_NO_TLS;
    }
}

bool http_system_ca(char *path, size_t path_bytes)
{
    char *file = NULL;
    CURL *easy = curl_easy_init();
    path[0] = '\0';
    if (easy && curl_easy_getinfo(easy, CURLINFO_CAINFO, &file) == CURLE_OK && file) {
        snprintf(path, path_bytes, "%s", file);
    }
    curl_easy_cleanup(easy);
    return path[0] != '\0';
}
