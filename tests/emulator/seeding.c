// SPDX-License-Identifier: Apache-2.0
// From the command line into the world. Must never accept half of an option: what is wrong ends the program. Main
// thread.
#include "seeding.h"

#include "clock.h"
#include "memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX_BYTES 1048576

char *seeding_read_file(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text;
    size_t bytes;

    if (!file) {
        fprintf(stderr, "losant-emulator: %s: %s\n", path, strerror(errno));
        return NULL;
    }
    text = memory_zeroed(1, FILE_MAX_BYTES + 1);
    bytes = fread(text, 1, FILE_MAX_BYTES, file);
    if (ferror(file) || !feof(file) || bytes == 0) {
        fprintf(stderr, "losant-emulator: %s: cannot be read, empty, or larger than a megabyte\n", path);
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}

static bool add_token(struct world *world, const char *option)
{
    const char *equals = strchr(option, '=');
    char *text = equals ? strndup(option, (size_t)(equals - option)) : memory_copy_text(option);
    char *scopes = memory_copy_text(equals ? equals + 1 : "all.Application");
    char *rest = scopes;
    char id[ID_SIZE];
    struct token *token;
    bool good = text && text[0] != '\0';

    if (good) {
        id_make(&world->chance, clock_wall_ms(), id);
        token = tokens_put(&world->tokens, text, id);
        for (char *scope = strsep(&rest, ","); scope && good; scope = strsep(&rest, ",")) {
            good = scope[0] != '\0';
            token_add_scope(token, scope);
        }
    }
    if (!good) {
        fprintf(stderr, "losant-emulator: --token %s: expected TOKEN or TOKEN=SCOPE,SCOPE...\n", option);
    }
    free(text);
    free(scopes);
    return good;
}

// A job as the real API gave it has more than one can set. The ids must be those of the option; the times are dropped.
static bool drop_given_fields(cJSON *object, const char *application_id, const char *id,
                              char problem[SCHEMA_PROBLEM_SIZE])
{
    static const char *const dropped[] = {"creationDate", "lastUpdated", "lastExecutionRequested"};
    const struct {
        const char *name;
        const char *value;
    } same[] = {{"id", id}, {"resourceJobId", id}, {"applicationId", application_id}};

    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        cJSON *item = cJSON_DetachItemFromObjectCaseSensitive(object, same[i].name);
        const char *text = cJSON_GetStringValue(item);
        bool good = !item || (text && strcasecmp(text, same[i].value) == 0);

        cJSON_Delete(item);
        if (!good) {
            snprintf(problem, SCHEMA_PROBLEM_SIZE, "\"%s\" is not the one of the option", same[i].name);
            return false;
        }
    }
    for (size_t i = 0; i < sizeof dropped / sizeof dropped[0]; i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(object, dropped[i]);
    }
    return true;
}

static bool read_job_file(const char *path, const char *application_id, const char *id, struct fields *fields)
{
    char problem[SCHEMA_PROBLEM_SIZE];
    char *text = seeding_read_file(path);
    cJSON *object = NULL;
    bool good;

    if (!text) {
        return false;
    }
    object = schema_parse_object(text, strlen(text), problem);
    good = object && drop_given_fields(object, application_id, id, problem) &&
           schema_read_object(SCHEMA_SEED, object, fields, problem);
    if (!good) {
        fprintf(stderr, "losant-emulator: %s: %s\n", path, problem);
    }
    cJSON_Delete(object);
    free(text);
    return good;
}

static bool add_job(struct world *world, const char *option)
{
    char application_id[ID_SIZE];
    char id[ID_SIZE];
    struct fields fields = {0};
    size_t bytes = strcspn(option, "=");

    if (bytes != 2 * ID_DIGITS + 1 || option[ID_DIGITS] != '/' || !id_read(option, ID_DIGITS, application_id) ||
        !id_read(option + ID_DIGITS + 1, ID_DIGITS, id)) {
        fprintf(stderr, "losant-emulator: --job %s: expected APP/JOB or APP/JOB=FILE with ids of 24 hex digits\n",
                option);
        return false;
    }
    if (option[bytes] == '=' && !read_job_file(option + bytes + 1, application_id, id, &fields)) {
        return false;
    }
    model_put_job(&world->model, application_id, id, &fields, clock_wall_ms());
    return true;
}

static bool add_application(struct world *world, const char *option)
{
    char id[ID_SIZE];

    if (!id_read(option, strlen(option), id)) {
        fprintf(stderr, "losant-emulator: --application %s: expected an id of 24 hex digits\n", option);
        return false;
    }
    model_add_application(&world->model, id);
    return true;
}

static void set_number(int64_t *setting, int64_t given)
{
    if (given >= 0) {
        *setting = given;
    }
}

bool seeding_fill(struct world *world, const struct args *args)
{
    bool good = true;

    set_number(&world->settings.run_ms, args->run_ms);
    set_number(&world->settings.iterations, args->iterations);
    set_number(&world->settings.log_delay_ms, args->log_delay_ms);
    if (args->token_count == 0) {
        good = add_token(world, "emulator");
    }
    for (size_t i = 0; i < args->token_count; i++) {
        good &= add_token(world, args->tokens[i]);
    }
    for (size_t i = 0; i < args->application_count; i++) {
        good &= add_application(world, args->applications[i]);
    }
    for (size_t i = 0; i < args->job_count; i++) {
        good &= add_job(world, args->jobs[i]);
    }
    return good;
}
