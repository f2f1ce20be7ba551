// SPDX-License-Identifier: Apache-2.0
// Reading the execution log of a job: what an entry says, which run it is, whether it changed, and what to ask next.
// Pure; any thread.
#ifndef RULES_RUNLOG_H
#define RULES_RUNLOG_H

#include "rules/command.h"
#include "rules/json.h"

#define RUNLOG_STATE_BYTES         32
#define RUNLOG_LIMIT_FIRST         25       // log entries asked for at least
#define RUNLOG_LIMIT_MAX           5000     // and at most
#define RUNLOG_SINCE_MARGIN_MS     60000    // asked for so much before the earliest start that we know of
#define RUNLOG_REACH_MARGIN_MS     3000     // how well the API's clock is known: its Date header has whole seconds
#define RUNLOG_SINCE_MARGIN_MAX_MS 86400000 // and at most so much when a run stays missing

enum run_outcome { RUN_NONE, RUN_SUCCEEDED, RUN_PARTIAL, RUN_FAILED, RUN_CANCELED, RUN_UNKNOWN };
const char *run_outcome_text(enum run_outcome outcome); // "succeeded", …; "" for RUN_NONE

struct runlog_entry {
    struct span raw; // the entry's own text
    char execution_id[COMMAND_ID_BYTES];
    char state[RUNLOG_STATE_BYTES]; // the API's word, cut when longer
    int64_t started_ms, ended_ms;   // runStartedAt, runCompletedAt; -1 when absent or no time
    struct span summary;            // executionSummary's own text, empty when absent
    int64_t succeeded, failed, timed_out, in_progress, remaining; // 0 when absent
    bool has_summary;
    struct json_value context; // templateContext (a string, or an object should the API ever unwrap it), JSON_NULL else
    uint64_t digest;           // of the raw text: equal means unchanged
};

// What is left when a run's words are judged: completed with failed or timed-out iterations is partial; completed
// succeeded; errored failed; canceled canceled; anything else is not final: RUN_NONE.
enum run_outcome runlog_outcome(const struct runlog_entry *entry);
// 0..100 done of all iterations, -1 when the entry has no summary; 100 only when nothing remains. Of no iterations at
// all: 100 when the run has ended, else 0.
int runlog_progress(const struct runlog_entry *entry);

// Calls each for every usable entry of a log answer, in the answer's order (newest first, by the documentation). An
// element that is no object or has no valid resourceJobExecutionId is counted in *skipped (may be NULL), not passed on.
// STATUS_INVALID when body is no JSON array. *count gets the number of elements.
enum status runlog_parse(struct span body, void (*each)(void *context, const struct runlog_entry *entry), void *context,
                         size_t *count, size_t *skipped);

// Appends the text of the entry's context's top-level member marker_key, however the API re-serialised it; false when
// there is none, or it is no string.
bool runlog_marker(const struct runlog_entry *entry, const char *marker_key, struct bytes *marker);

// The next question to a job's log.
struct runlog_plan {
    int64_t since_ms; // by the API's clock
    uint32_t limit;
};

struct runlog_want {
    uint32_t open_runs;        // that we wait for
    int64_t earliest_start_ms; // by the API's clock, the earliest of them
    uint32_t last_limit;       // 0: first poll
    uint32_t last_count;       // entries that the last answer had
    bool missing;              // an open run was in none of the last answer's entries
    uint32_t missed_polls;     // how many answers in a row had something missing though their page was complete
    uint32_t deepest;          // position (from 1) of the last of our open runs in the last answer, 0: not known
    uint32_t refused_limit;    // the smallest limit that the API refused, 0: none
};

// since reaches RUNLOG_SINCE_MARGIN_MS before the earliest, twice as far with each missed poll; never before the epoch.
// limit has room for all open runs and as many again, and for what is as deep as deepest and as much again (when
// deepest is not known, it does not shrink); doubles when the last page was full and something was missing; stays
// within the two bounds above and, even under the lower one, below refused_limit: half-way up to it from the last limit
// that worked.
struct runlog_plan runlog_next(const struct runlog_want *want);
// True when the page cannot have cut anything off: fewer entries than asked for.
bool runlog_page_complete(uint32_t limit, size_t count);

// Whether a run that is not on a page is not in the log. The largest limit of the API is not documented, and it may
// give less than it was asked for without a word, so a short page alone proves nothing.
enum runlog_reach {
    RUNLOG_WHOLE,  // it is not in the log
    RUNLOG_CUT,    // a larger page may have it
    RUNLOG_UNSURE, // the page is just as long as somebody would choose for a largest limit
};
struct runlog_page {
    uint32_t limit;
    size_t count;
    size_t longest;    // page that this API has ever given
    bool reaches_back; // it has a run that ended before the one in question can have begun
};
enum runlog_reach runlog_reach(const struct runlog_page *page);
// The time to the next poll: min_ms after a change, else half as long again as last time, at most max_ms.
int64_t runlog_interval_ms(int64_t last_ms, bool changed, int64_t min_ms, int64_t max_ms);

#endif
