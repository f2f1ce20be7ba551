// SPDX-License-Identifier: Apache-2.0
// What can be looked at on this machine: the journal's folder, the certificates that sign, the token's own word on when
// it expires. Must never write anything. Main thread.
#include "base/clock.h"
#include "cli/cli_parse.h"
#include "cli/cli_probe.h"
#include "io/http.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PART_BYTES 65536

void cli_probe_journal(struct cli_probe *probe)
{
    const char *path = cli_probe_config(probe)->journal.path;
    char copy[PATH_MAX];
    struct statvfs disk;
    (void)snprintf(copy, sizeof copy, "%s", path);
    const char *folder = dirname(copy);
    bool there = faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0;
    if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) != 0) {
        int error = errno;
        cli_probe_row(probe, "journal", CLI_BAD,
                      error == ENOENT
                          ? "make the folder, owned by the user that the bridge runs as"
                          : "give the folder to the user that the bridge runs as, and run probe as that user",
                      "%s: %s (as user id %u)", folder, strerror(error), (unsigned)geteuid());
    } else if (there && faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) != 0) {
        cli_probe_row(probe, "journal", CLI_BAD, "give the file to the user that the bridge runs as", "%s: %s", path,
                      strerror(errno));
    } else if (statvfs(folder, &disk) == 0 && (uint64_t)disk.f_bavail * disk.f_frsize < CLI_PROBE_DISK_BYTES) {
        cli_probe_row(probe, "journal", CLI_BAD, "make room: without it no command is acknowledged",
                      "%s: only %llu KiB are free", folder, (unsigned long long)disk.f_bavail * disk.f_frsize / 1024);
    } else {
        cli_probe_row(probe, "journal", CLI_OK, "", "%s can be written%s", folder,
                      there ? "" : "; the journal will be made at the first run");
    }
}

// -1: it cannot be read, and errno says why.
static long count_certificates(const char *path)
{
    struct bytes text;
    char part[PART_BYTES];
    ssize_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    bytes_init(&text, CLI_PROBE_CA_MAX_BYTES);
    while ((got = read(fd, part, sizeof part)) > 0 && bytes_ok(&text)) {
        bytes_add(&text, part, (size_t)got);
    }
    int error = errno;
    close(fd);
    long count = got < 0 ? -1 : (long)cli_pem_count(bytes_span(&text));
    bytes_free(&text);
    errno = error;
    return count;
}

static void probe_store(struct cli_probe *probe, const char *check, bool tls, const char *own, const char *key)
{
    char system[PATH_MAX];
    char remedy[CLI_PROBE_TEXT_BYTES];
    const char *path = own;
    if (!tls) {
        cli_probe_row(probe, check, CLI_SKIPPED, "", "not needed without TLS");
        return;
    }
    if (!own[0]) {
        path = http_system_ca(system, sizeof system) ? system : "/etc/ssl/certs/ca-certificates.crt";
    }
    (void)snprintf(remedy, sizeof remedy,
                   own[0] ? "put the signing certificates (PEM) into %s"
                          : "install the package ca-certificates, or name a file in %s",
                   own[0] ? own : key);
    long count = count_certificates(path);
    if (count < 0) {
        cli_probe_row(probe, check, CLI_BAD, remedy, "%s: %s", path, strerror(errno));
    } else if (count == 0) {
        cli_probe_row(probe, check, CLI_BAD, remedy, "%s: there is no certificate (PEM) in it", path);
    } else {
        cli_probe_row(probe, check, CLI_OK, "", "%s: %ld certificate%s", path, count, count == 1 ? "" : "s");
    }
}

void cli_probe_stores(struct cli_probe *probe)
{
    const struct config *config = cli_probe_config(probe);
    const char *uri = config->broker.uri;
    bool tls = strncmp(uri, "ssl", 3) == 0 || strncmp(uri, "wss", 3) == 0 || strncmp(uri, "mqtts", 5) == 0;
    probe_store(probe, "broker CA store", tls && config->broker.tls_verify, config->broker.tls_ca_file,
                "broker.tls.ca_file");
    probe_store(probe, "API CA store", strncmp(config->api.base_url, "https:", 6) == 0, config->api.tls_ca_file,
                "api.tls.ca_file");
}

static void judge_expiry(struct cli_probe *probe, int64_t expiry_ms)
{
    static const char remedy[] =
        "make a new token, and put it into the token's place: the bridge reads it at the next 401";
    struct clock clock = clock_real();
    char text[CLOCK_TEXT_BYTES];
    int64_t left_ms = expiry_ms - clock_wall_ms(&clock);
    if (expiry_ms < 0) {
        cli_probe_row(probe, "token expiry", CLI_SKIPPED, "", "the token does not tell");
    } else if (expiry_ms == 0) {
        cli_probe_row(probe, "token expiry", CLI_OK, "", "it does not expire");
    } else if (left_ms <= 0) {
        cli_probe_row(probe, "token expiry", CLI_BAD, remedy, "it expired at %s", clock_text(expiry_ms, text));
    } else {
        bool soon = left_ms < CLI_PROBE_EXPIRY_MS;
        cli_probe_row(probe, "token expiry", soon ? CLI_BAD : CLI_OK, soon ? remedy : "", "it expires at %s",
                      clock_text(expiry_ms, text));
    }
}

void cli_probe_expiry(struct cli_probe *probe)
{
    const struct config_api *api = &cli_probe_config(probe)->api;
    struct bytes token;
    const char *why = "";
    bytes_init(&token, CONFIG_SECRET_MAX_BYTES);
    if (config_secret(api->token_file, api->token_env, &token, &why) == STATUS_OK) {
        judge_expiry(probe, cli_token_expiry(bytes_span(&token)));
    } else {
        cli_probe_row(probe, "token expiry", CLI_SKIPPED, "", "the token cannot be read: %s", why);
    }
    if (token.data) {
        explicit_bzero(token.data, token.len);
    }
    bytes_free(&token);
}
