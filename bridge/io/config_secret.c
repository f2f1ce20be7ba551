// SPDX-License-Identifier: Apache-2.0
// The files and variables that a configuration names. Must never put a secret, nor a part of one, into a message.
// config_secret: any thread; the environment must not change meanwhile.
#include "io/config_loading.h"
#include "io/config_schema.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum status fail(const char **why, enum status rc, const char *phrase)
{
    *why = phrase;
    return rc;
}

// At most size bytes of a file; -1 with errno.
static ssize_t read_start(const char *file, char *data, size_t size)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    size_t len = 0;
    ssize_t got = 0;
    do {
        got = read(fd, data + len, size - len);
        len += got > 0 ? (size_t)got : 0;
    } while ((got > 0 && len < size) || (got < 0 && errno == EINTR));
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return got < 0 ? -1 : (ssize_t)len;
}

// The secret within text: one newline at the end is an editor's, not the secret's.
static enum status take_secret(struct span text, struct bytes *secret, const char **why)
{
    if (text.len > CONFIG_SECRET_MAX_BYTES) {
        return fail(why, STATUS_TOO_LARGE, "is too large for a secret, expected at most 16384 bytes");
    }
    if (text.len > 0 && text.at[text.len - 1] == '\n') {
        text.len--;
    }
    if (text.len > 0 && text.at[text.len - 1] == '\r') {
        text.len--;
    }
    if (text.len == 0) {
        return fail(why, STATUS_INVALID, "is empty, expected a secret");
    }
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.at[i] < ' ' || text.at[i] == '\x7f') {
            return fail(why, STATUS_INVALID, "has a control character in it, expected a secret on one line");
        }
    }
    bytes_add_span(secret, text);
    return bytes_ok(secret) ? STATUS_OK : fail(why, STATUS_NO_MEMORY, status_text(STATUS_NO_MEMORY));
}

enum status config_secret(const char *file, const char *variable, struct bytes *secret, const char **why)
{
    if (file[0] == '\0') {
        const char *value = getenv(variable);
        if (value == NULL) {
            return fail(why, STATUS_NOT_FOUND, "is not in the environment, expected it to be set");
        }
        return take_secret(span_of(value), secret, why);
    }
    char *data = malloc(CONFIG_SECRET_MAX_BYTES + 2); // its newline, and one more byte to see that it is too large
    if (data == NULL) {
        return fail(why, STATUS_NO_MEMORY, status_text(STATUS_NO_MEMORY));
    }
    ssize_t len = read_start(file, data, CONFIG_SECRET_MAX_BYTES + 2);
    enum status rc = STATUS_OK;
    if (len < 0) {
        rc = fail(why, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO, strerrordesc_np(errno));
    } else {
        rc = take_secret((struct span){data, (size_t)len}, secret, why);
        explicit_bzero(data, (size_t)len);
    }
    free(data);
    return rc;
}

static void complain(const struct config *config, struct config_problems *problems, const char *key,
                     const char *subject, const char *why)
{
    for (size_t i = 0; i < config_key_count; i++) {
        if (strcmp(config_keys[i].path, key) == 0) {
            config_problem_add(problems, config->store->places[i], key, "%s: %s", subject, why);
        }
    }
}

static void check_secret(const struct config *config, struct config_problems *problems, const char *key,
                         const char *file, const char *variable)
{
    struct bytes secret;
    const char *why = NULL;
    if (file[0] == '\0' && variable[0] == '\0') {
        return;
    }
    bytes_init(&secret, CONFIG_SECRET_MAX_BYTES);
    if (config_secret(file, variable, &secret, &why) != STATUS_OK) {
        complain(config, problems, key, file[0] != '\0' ? file : variable, why);
    }
    if (secret.len > 0) {
        explicit_bzero(secret.data, secret.len);
    }
    bytes_free(&secret);
}

static void check_readable(const struct config *config, struct config_problems *problems, const char *key,
                           const char *file)
{
    char first;
    if (file[0] == '\0') {
        return;
    }
    ssize_t got = read_start(file, &first, 1);
    if (got < 0) {
        complain(config, problems, key, file, strerrordesc_np(errno));
    } else if (got == 0) {
        complain(config, problems, key, file, "is empty, expected PEM");
    }
}

enum status config_check_files(const struct config *config, struct config_problems *problems)
{
    size_t before = problems->count + problems->left_out;
    const struct config_broker *broker = &config->broker;
    const struct config_api *api = &config->api;
    check_secret(config, problems, "broker.password_file", broker->password_file, "");
    check_secret(config, problems, api->token_file[0] != '\0' ? "api.token_file" : "api.token_env", api->token_file,
                 api->token_env);
    check_secret(config, problems, "http.token_file", config->http_token_file, "");
    check_readable(config, problems, "broker.tls.ca_file", broker->tls_ca_file);
    check_readable(config, problems, "broker.tls.cert_file", broker->tls_cert_file);
    check_readable(config, problems, "broker.tls.key_file", broker->tls_key_file);
    check_readable(config, problems, "api.tls.ca_file", api->tls_ca_file);
    return problems->count + problems->left_out == before ? STATUS_OK : STATUS_INVALID;
}
