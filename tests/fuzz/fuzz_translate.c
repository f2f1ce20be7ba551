// SPDX-License-Identifier: Apache-2.0
// The first byte chooses the action, the second what is reserved, the rest is the payload: what comes out is JSON with
// the API's fields only, and what is refused is told in valid text.
#include "rules/json.h"
#include "rules/translate.h"
#include "rules/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

// One JSON object without requestId, ttl, or a member that is there twice.
static void check_body(struct span body)
{
    struct json_value object;
    struct json_value value;
    struct json_value first;
    struct span key;

    must(json_check(body, &object, NULL, NULL) == STATUS_OK && object.type == JSON_OBJECT);
    must(!json_find(object, "requestId", &value) && !json_find(object, "ttl", &value));
    struct json_iter iter = json_iter(object);
    while (json_next_member(&iter, &key, &value)) {
        struct bytes name;
        bytes_init(&name, SIZE_MAX);
        must(json_unescape((struct json_value){JSON_STRING, key}, &name) == STATUS_OK);
        must(json_find(object, bytes_text(&name), &first) && first.raw.at == value.raw.at);
        bytes_free(&name);
    }
}

static void check_marked(struct span context, size_t reserve)
{
    struct bytes marked;
    struct json_value object;
    struct json_value value;

    must(json_check(context, &object, NULL, NULL) == STATUS_OK && object.type == JSON_OBJECT);
    must(utf8_length(context) + reserve <= COMMAND_CONTEXT_MAX);
    bytes_init(&marked, SIZE_MAX);
    enum status rc = translate_add_marker(context, "_m", "x1", &marked);
    must((rc == STATUS_CONFLICT) == json_find(object, "_m", &value));
    if (rc == STATUS_OK) {
        struct json_value again;
        must(json_check(bytes_span(&marked), &again, NULL, NULL) == STATUS_OK);
        must(json_find(again, "_m", &value) && span_is(value.raw, "\"x1\""));
        must(utf8_length(bytes_span(&marked)) <= utf8_length(context) + translate_marker_length("_m", 2));
    }
    bytes_free(&marked);
}

static void check_execute(const struct translation *out, size_t reserve)
{
    struct bytes body;

    bytes_init(&body, SIZE_MAX);
    must(out->body != NULL);
    if (out->context != NULL) {
        check_marked(span_of(out->context), reserve);
    }
    translate_execute_body(span_of(out->context), out->body, &body);
    check_body(bytes_span(&body));
    bytes_free(&body);
}

static void check_accepted(enum action action, const struct translation *out, size_t reserve)
{
    must(out->ttl_s == -1 || (out->ttl_s >= 1 && out->ttl_s <= COMMAND_TTL_MAX_S));
    must((out->body != NULL) == (action == ACTION_EXECUTE || action == ACTION_PATCH));
    must(out->context == NULL || action == ACTION_EXECUTE);
    if (action == ACTION_EXECUTE) {
        check_execute(out, reserve);
    } else if (action == ACTION_PATCH) {
        must(strcmp(out->body, "{}") != 0);
        check_body(span_of(out->body));
    } else if (action == ACTION_CANCEL_EXECUTION) {
        must((out->of != NULL) != command_id_valid(span_of(out->execution_id)));
    }
    if (out->query != NULL) {
        must(strspn(out->query, "abcdefghijklmnopqrstuvwxyzW0123456789=&") == strlen(out->query));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct translation out;
    struct translate_error error;

    if (size < 2) {
        return 0;
    }
    enum action action = (enum action)(data[0] % ACTION_COUNT);
    size_t reserve = data[1];
    enum status rc = translate_payload(action, (struct span){(const char *)data + 2, size - 2}, reserve, &out, &error);
    must(rc == STATUS_OK || rc == STATUS_INVALID || rc == STATUS_TOO_LARGE);
    must(out.request_id == NULL || translate_request_id_valid(span_of(out.request_id)));
    must((rc == STATUS_OK) == (error.message[0] == '\0'));
    must(utf8_valid(span_of(error.field)) && utf8_valid(span_of(error.message)));
    if (rc == STATUS_OK) {
        check_accepted(action, &out, reserve);
    }
    translate_free(&out);
    return 0;
}
