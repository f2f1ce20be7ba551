// SPDX-License-Identifier: Apache-2.0
// Who may be answered: the Host header against DNS rebinding (a page of a stranger whose name suddenly points at
// 127.0.0.1), and the token. Pure; any thread.
#ifndef IO_WEB_RULE_H
#define IO_WEB_RULE_H

#include "base/bytes.h"

// Whether a Host header names this machine itself, whatever the port: localhost, 127.0.0.0/8 or [::1].
bool web_host_is_loopback(const char *host);
// Whether an Authorization header carries the token: "Bearer TOKEN", or "Basic" with the token as the password, which
// is what a browser can ask its user for. header may be NULL. In constant time for texts of one length.
bool web_token_matches(const char *header, struct span token);

#endif
