// SPDX-License-Identifier: Apache-2.0
// What the tests of the configuration share: a folder of files that are written and read again.
#ifndef TESTS_UNIT_CONFIG_FIXTURE_H
#define TESTS_UNIT_CONFIG_FIXTURE_H

#include "io/config.h"
#include "io/config_schema.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PATH_BYTES 256
#define TEXT_BYTES 16384

static char folder[] = "/tmp/test_config.XXXXXX";
static const char *const file_names[] = {"main.conf", "inc.conf", "token", "empty", "pem"};
static char main_path[PATH_BYTES];

static inline const char *path_of(const char *name)
{
    static char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static inline void write_bytes(const char *name, const char *text, size_t len)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static inline void write_file(const char *name, const char *text)
{
    write_bytes(name, text, strlen(text));
}

// The pieces of a configuration that is right without them; each stands on the line in its name.
struct pieces {
    const char *broker_2; // within broker
    const char *api_4;    // within api
    const char *top_6;    // on its own
    const char *job_8;    // within the one job
    const char *route_10; // within the one route
    const char *more_12;  // more routes, with a comma before each
};

static inline const char *text_or(const char *text, const char *fallback)
{
    return text != NULL ? text : fallback;
}

static inline void write_pieces(const struct pieces *pieces)
{
    char text[TEXT_BYTES];
    int len = snprintf(
        text, sizeof text,
        "broker = {\n%s\n};\napi = {%s\n};\n%s\njobs = ( { name = \"recalibrate\";\n%s\n"
        "application_id = \"575ec8687ae143cd83dc4a97\"; resource_job_id = \"6328C6c026517badf9142116\"; } );"
        "routes = ( { name = \"devices\";\n%s\n}\n%s );\n",
        text_or(pieces->broker_2, "uri = \"tcp://127.0.0.1:1883\";"), text_or(pieces->api_4, "token_file = \"token\";"),
        text_or(pieces->top_6, ""), text_or(pieces->job_8, ""),
        text_or(pieces->route_10, "filter = \"devices/{device}/jobs/{job}/cmd/{action}\"; replies = "
                                  "\"devices/{device}/jobs/{job}\";"),
        text_or(pieces->more_12, ""));
    assert_in_range(len, 1, sizeof text - 1);
    write_file("main.conf", text);
}

static inline struct config *load_right(void)
{
    struct config *config = NULL;
    struct config_problems problems;
    enum status rc = config_load(main_path, &config, &problems);
    for (size_t i = 0; i < problems.count; i++) {
        print_error("%d: %s: %s\n", problems.items[i].line, problems.items[i].key, problems.items[i].text);
    }
    assert_int_equal(problems.count, 0);
    assert_int_equal(rc, STATUS_OK);
    config_problems_free(&problems);
    return config;
}

// The file has exactly this one problem.
static inline void expect_one(int line, const char *key, const char *part)
{
    struct config *config = NULL;
    struct config_problems problems;
    assert_int_equal(config_load(main_path, &config, &problems), STATUS_INVALID);
    assert_null(config);
    for (size_t i = 0; i < problems.count; i++) {
        const struct config_problem *problem = &problems.items[i];
        if (problems.count > 1 || problem->line != line || strcmp(problem->key, key) != 0 ||
            strstr(problem->text, part) == NULL) {
            print_error("got      %d: %s: %s\nexpected %d: %s: %s\n", problem->line, problem->key, problem->text, line,
                        key, part);
        }
    }
    assert_int_equal(problems.count, 1);
    assert_int_equal(problems.left_out, 0);
    assert_int_equal(problems.items[0].line, line);
    assert_string_equal(problems.items[0].file, main_path);
    assert_string_equal(problems.items[0].key, key);
    assert_non_null(strstr(problems.items[0].text, part));
    config_problems_free(&problems);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(main_path, sizeof main_path, "%s/main.conf", folder);
    return 0;
}

static inline int remove_folder(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(file_names); i++) {
        (void)unlink(path_of(file_names[i]));
    }
    return rmdir(folder);
}

#endif
