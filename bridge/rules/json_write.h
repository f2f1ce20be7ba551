// SPDX-License-Identifier: Apache-2.0
// Writing JSON piece by piece into a buffer; a failed append is the buffer's sticky failure (base/bytes.h).
//
//   bytes_add_char(&b, '{');
//   json_put_member_text(&b, "job", job);
//   json_put_member_int(&b, "seq", 7);
//   bytes_add_char(&b, '}');              {"job":"recalibrate","seq":7}
//
// Pure; any thread.
#ifndef RULES_JSON_WRITE_H
#define RULES_JSON_WRITE_H

#include "base/bytes.h"
#include <stdint.h>

// Appends text as a JSON string with quotes. Bytes that are no valid UTF-8 become U+FFFD.
void json_put_string(struct bytes *out, struct span text);
// The same without the quotes: for text that goes inside a string that is being written.
void json_put_content(struct bytes *out, struct span text);
// ,"name":  (the comma only when out is not empty and its last byte is not '{' or '['); what follows is the value.
void json_put_key(struct bytes *out, const char *name);
void json_put_member_text(struct bytes *out, const char *name, struct span text);
void json_put_member_int(struct bytes *out, const char *name, int64_t number);
void json_put_member_raw(struct bytes *out, const char *name, struct span raw);

#endif
