// SPDX-License-Identifier: Apache-2.0
// Faults on demand: which requests go wrong, how and how often. This module only decides; front.c carries it out.
#ifndef EMULATOR_FAULTS_H
#define EMULATOR_FAULTS_H

#include "buf.h"
#include "ids.h"
#include "op.h"
#include "schema.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#define FAULT_HEADER_SIZE 128

enum fault_do {
    FAULT_STATUS,         // answer with a status, do not act
    FAULT_DROP,           // cut the connection, do not act
    FAULT_ACT_THEN_DROP,  // act, then cut the connection without an answer
    FAULT_DELAY,          // act after a while
    FAULT_ACT_THEN_DELAY, // act, answer after a while
    FAULT_TRUNCATE,       // act, send less of the body than Content-Length says, cut
    FAULT_GARBAGE,        // act, answer 200 with what is not JSON
    FAULT_NO_ID,          // act, answer {"success":true} without the execution id
    FAULT_HANG,           // neither act nor answer until the client closes
    FAULT_NONE,
};

enum fault_cut {
    CUT_RESET, // the client sees a reset connection
    CUT_CLOSE, // the client sees an orderly end of the stream
};

// What to do to one request.
struct fault_hit {
    int what; // enum fault_do
    int cut;  // enum fault_cut
    int64_t status;
    int64_t ms;
    char retry_after[FAULT_HEADER_SIZE]; // "" for none
};

// Starts as all zero.
struct faults {
    struct fault *list;
    size_t count;
    int64_t made;
};

// "status", "drop" and so on, "" for FAULT_NONE, then NULL.
extern const char *const fault_words[FAULT_NONE + 2];

// Adds the fault that the object describes and gives its id, or 0 and a problem. Under the world's lock, as all here.
int64_t faults_add(struct faults *faults, const cJSON *object, char problem[SCHEMA_PROBLEM_SIZE]);

// Decides on one request, and counts. The first fault (in order of creation) that fits and whose draw hits.
void faults_choose(struct faults *faults, struct chance *chance, enum op op, const char *job_id, struct fault_hit *hit);

// Writes an array of all faults with how often each has fired.
void faults_write(const struct faults *faults, struct buf *out);

void faults_clear(struct faults *faults);

#endif
