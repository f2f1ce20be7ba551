// SPDX-License-Identifier: Apache-2.0
// Small readers of other people's formats, for `jobbridge probe`. Pure; any thread.
#ifndef CLI_CLI_PARSE_H
#define CLI_CLI_PARSE_H

#include "base/bytes.h"
#include "base/status.h"
#include <stdint.h>

#define CLI_TOKEN_MAX_BYTES 16384

// When a token expires, in ms since the epoch: the claim `exp` (RFC 7519 section 4.1.4) of a JSON Web Token. -1: it is
// no such token, 0: it does not expire. The signature is the API's to check.
int64_t cli_token_expiry(struct span token);
// The address of an MQTT broker (tcp, ssl, ws, wss, with or without a port) as one that can be connected to by
// http_reach(): http://HOST:PORT, or https:// where TLS is spoken. STATUS_INVALID: there is no host in it.
enum status cli_broker_url(const char *uri, struct bytes *url);
// How many certificates (PEM) the text holds.
size_t cli_pem_count(struct span text);

#endif
