// SPDX-License-Identifier: Apache-2.0
// Any bytes as a configuration file: either a configuration, or at least one problem, each with a text and a place;
// never a crash, a leak, or an end of the process (libconfig's scanner has ways to call exit).
#include "io/config.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// libconfig 1.5 loses a text that it has read when a syntax error follows.
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig.so\n";
}

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

// An @include may name anything on this machine; what devices and pipes would give is not ours to test.
static bool is_tame(const uint8_t *data, size_t size)
{
    return memmem(data, size, "/dev", 4) == NULL && memmem(data, size, "proc", 4) == NULL &&
           memmem(data, size, "sys", 3) == NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct config *config = NULL;
    struct config_problems problems;
    int fd = is_tame(data, size) ? memfd_create("fuzz_config", MFD_CLOEXEC) : -1;
    if (fd < 0) {
        return 0;
    }
    require(write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    enum status rc = config_load(path, &config, &problems);
    require((rc == STATUS_OK) == (config != NULL));
    require((rc == STATUS_OK) == (problems.count == 0));
    for (size_t i = 0; i < problems.count; i++) {
        require(problems.items[i].file[0] != '\0' && problems.items[i].text[0] != '\0' && problems.items[i].line >= 0);
    }
    if (config != NULL) {
        require(config->job_count > 0 && config->route_count > 0 && config->broker.uri[0] != '\0');
    }
    config_problems_free(&problems);
    config_free(config);
    (void)close(fd);
    return 0;
}
