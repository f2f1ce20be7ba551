// SPDX-License-Identifier: Apache-2.0
// The protocol of intake, send, crash, reconcile and publish, as Promela. It must follow the code: each step names the
// function it stands for, and a change of a step there is a change here. Checked by test_model.py for every order in
// which threads, broker, API and crashes can interleave.
//
// One step is one commit of the journal, one packet, or one decision of the loop between two commits. The journal's
// writer commits many changes as one transaction; here each is a commit of its own, which allows more crashes, not fewer.
// Time is counted in settle times (api.reconcile.settle_ms), and passes only while somebody waits for it.
//
// Executes only: every other action may be repeated (rules/command.c: action_is_repeatable).
//
//   -DN=2            commands of one job at the same time
//   -DCRASHES=2      kill -9 or power cut of the bridge, at any moment
//   -DFAULTS=2       lost requests, lost answers, time-outs, "try later", lost connections to the broker
//   -DSHOW_MAX=2     settle times after the loss of its answer within which a run shows in the log, if it runs at all
//   -DPOLICY_FAIL, -DPOLICY_RETRY, -DNO_MARKER: api.reconcile of the configuration
// Defects, each of which must be found: -DSENT_AFTER_REQUEST, -DREAD_AT_ONCE, -DPUBACK_FIRST, -DREPLY_APART,
//   -DFORGET_AT_SEND, -DGUESS_RUN, -DKEEP_SENT, -DDROP_BLINDLY
#ifndef N
#define N 2
#endif
#ifndef CRASHES
#define CRASHES 2
#endif
#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef CHECKS
#define CHECKS 2 // api.reconcile.checks
#endif
#ifndef SHOW_MAX
#define SHOW_MAX CHECKS
#endif

// The states of rules/command.h. DONE stands for FOLLOWING and FINISHED, too.
#define NONE       0
#define READY      1
#define SENT       2
#define RETRY_WAIT 3
#define AMBIGUOUS  4
#define DONE       6
#define REFUSED    7
#define EXPIRED    8
#define CANCELED   9
#define UNKNOWN    10

// What a reply says, as bits; what was heard of a command is their sum.
#define ACCEPTED 1
#define REJECTED 2

// An answer of the API: an execution id, or one of these.
#define NOTHING 0
#define NO      100 // 4xx: it will not be done
#define LATER   101 // 429, 401, or no connection: surely not done
#define LOST    102 // time-out, reset, 5xx: nobody knows
#define ABSENT  103 // all readings of the log were without it
#define HIDDEN  104 // the log cannot tell

// enum attempt phases of flow/dispatch_internal.h; SENDING is the moment between the commit and http_send.
#define IDLE       0
#define COMMITTING 1
#define SENDING    2
#define IN_FLIGHT  3
#define SETTLING   4
#define WAITING    5

#define ID(c, run) (1 + (c) + N * (run))
#define OWNER(id)  (((id) - 1) % N)

// The device and its broker: QoS 1, a session that outlives connections.
bit held[N];   // the broker has the command and no PUBACK for it
byte heard[N]; // what subscribers got

// On the disk.
byte state[N];
byte execution[N]; // commands.execution_id
byte outbox[N];    // the reply that waits to be published

// In the bridge's memory.
bit up;
byte callback[N]; // 1: messageArrived waits for the commit, 2: it returns
byte attempt[N];
byte answer[N];   // of the attempt or of the inquiry; in flight: what lies in the socket
byte suspect[N];  // 1: waits for its time, 2: decided
byte due[N];      // settle times until the log is read again
byte missing[N];  // readings without it
byte drop[N];      // a cancelExecution with `of` has been submitted: 1, or 2 when behind the attempt's SENT
byte published[N]; // 1: handed to the broker's thread, 2: acknowledged

// At the API and on the way to it.
byte request[N];
byte runs[N];
bit shown[N]; // its first run is in the log
byte late[N]; // settle times since its answer was lost
bit lost[N];

bit dropped[N]; // somebody was told that it will not be done

byte crashes = CRASHES;
byte faults = FAULTS;

#define IN_CALLBACK  (callback[0] != 0 || callback[N - 1] != 0)
#define UNDECIDED(c) (request[c] > 0 || (runs[c] > 0 && !shown[c]))
#define ANSWERED(c)  (state[c] >= DONE)

inline puback(c)
{
    assert(state[c] != NONE); // no PUBACK before the commit
    held[c] = 0;
}

// The thread of the MQTT library (io/mqtt_paho.c). It holds one message at a time.
proctype receive(byte c)
{
end:
    do
    :: atomic { up && held[c] && !IN_CALLBACK -> // flow/intake.c: intake_message
        callback[c] = 1;
#ifdef PUBACK_FIRST
        puback(c);
#endif
       }
    :: atomic { callback[c] == 2 -> // the callback returns, the library sends PUBACK
        puback(c);
        callback[c] = 0;
       }
    :: atomic { callback[c] == 2 && faults > 0 -> // PUBACK lost with its connection: it comes again
        faults--;
        callback[c] = 0;
       }
    od
}

// The journal's writer (io/store.c: run_transaction). A move of a row that is in another state by now changes nothing
// (io/store_write.c: WHERE id = ? AND state = ?). Changes are committed in the order in which they were submitted.
proctype commit(byte c)
{
end:
    do
    :: atomic { callback[c] == 1 -> // store_apply_intake
        if
        :: state[c] == NONE -> state[c] = READY
        :: state[c] != NONE && ANSWERED(c) && outbox[c] == 0 ->
            if // STORE_REPEAT (flow/intake.c: repeat_answer) or STORE_REDELIVERED
            :: outbox[c] = (execution[c] != 0 -> ACCEPTED : REJECTED)
            :: skip
            fi
        :: state[c] != NONE && !(ANSWERED(c) && outbox[c] == 0) -> skip
        fi;
        callback[c] = 2;
       }
    :: atomic { attempt[c] == COMMITTING && drop[c] != 1 -> // flow/dispatch_send.c: submit_sent
        if
        :: state[c] == READY || state[c] == RETRY_WAIT ->
            state[c] = SENT;
#ifdef SENT_AFTER_REQUEST
            attempt[c] = IN_FLIGHT;
#else
            attempt[c] = SENDING;
#endif
        :: else -> attempt[c] = IDLE // after_sent: dropped meanwhile
        fi;
       }
    :: atomic { attempt[c] == SETTLING -> // finish_done, finish_refused, finish_retry, finish_ambiguous
        assert(state[c] == SENT);
        attempt[c] = IDLE;
        if
        :: answer[c] == NO -> state[c] = REFUSED; outbox[c] = REJECTED
        :: answer[c] == LATER -> state[c] = RETRY_WAIT; attempt[c] = WAITING
        :: answer[c] == LOST -> // after_ambiguous -> flow/reconcile.c: reconcile_add
            state[c] = AMBIGUOUS;
            suspect[c] = 1;
#if !defined(POLICY_RETRY) && !defined(READ_AT_ONCE)
            due[c] = 1;
#endif
        :: answer[c] < NO -> // flow/flow.c: flow_started: the move and the reply in one commit
            state[c] = DONE;
            execution[c] = answer[c];
#ifndef REPLY_APART
            outbox[c] = ACCEPTED;
#endif
        fi;
        answer[c] = NOTHING;
       }
#ifdef REPLY_APART
    :: atomic { up && state[c] == DONE && outbox[c] == 0 && !heard[c] && crashes == CRASHES -> outbox[c] = ACCEPTED }
#endif
    :: atomic { drop[c] == 1 || (drop[c] == 2 && attempt[c] != COMMITTING) -> // flow/dispatch_prepare.c: drop_waiting
        if
        :: state[c] == READY || state[c] == RETRY_WAIT -> state[c] = CANCELED; outbox[c] = REJECTED
        :: else
        fi;
        dropped[c] = 1; // the answer to the cancelExecution
        assert(state[c] == CANCELED);
        drop[c] = 0;
       }
    :: atomic { suspect[c] == 2 -> // flow/reconcile.c: settle
        assert(state[c] == AMBIGUOUS);
        suspect[c] = 0;
        if
        :: answer[c] == ABSENT -> state[c] = READY // send_again
        :: answer[c] == ABSENT -> state[c] = EXPIRED; outbox[c] = REJECTED // send_again, when its ttl is over
        :: answer[c] == HIDDEN -> state[c] = UNKNOWN; outbox[c] = REJECTED // give_up
        :: answer[c] < NO -> state[c] = DONE; execution[c] = answer[c]; outbox[c] = ACCEPTED // adopt
        fi;
        answer[c] = NOTHING;
       }
    :: atomic { published[c] == 2 -> // flow/outbox.c: remove_acknowledged
        outbox[c] = 0;
        published[c] = 0;
       }
    od
}

// The loop (daemon/daemon.c: turn).
proctype loop(byte c)
{
end:
    do
    :: atomic { up && state[c] == READY && attempt[c] == IDLE && suspect[c] == 0 -> // dispatch.c: start_head
        attempt[c] = COMMITTING;
#ifdef SENT_AFTER_REQUEST
        request[c]++;
        lost[c] = 0;
        late[c] = 0;
#endif
       }
    :: atomic { up && state[c] == READY && attempt[c] == IDLE && suspect[c] == 0 && drop[c] == 0 &&
                faults > 0 ->
        faults--; // dispatch.c: sweep_expired. The loop starts no attempt while the change is on its way: one step
        state[c] = EXPIRED;
        outbox[c] = REJECTED;
       }
    :: atomic { up && (state[c] == READY || state[c] == RETRY_WAIT) && drop[c] == 0 && faults > 0 &&
#ifdef DROP_BLINDLY
                true ->
#else
                (attempt[c] == IDLE || attempt[c] == WAITING) -> // the row may be a commit behind what the loop does
#endif
        faults--; // flow/dispatch_prepare.c: drop_target
        drop[c] = (attempt[c] == COMMITTING -> 2 : 1);
       }
    :: atomic { attempt[c] == SENDING -> // dispatch_send.c: after_sent -> send_request
        attempt[c] = IN_FLIGHT;
        request[c]++;
        lost[c] = 0;
        late[c] = 0;
       }
    :: atomic { attempt[c] == IN_FLIGHT && answer[c] != NOTHING -> attempt[c] = SETTLING } // take_answer
    :: atomic { attempt[c] == IN_FLIGHT && (faults > 0 || (request[c] == 0 && answer[c] == NOTHING)) ->
        if // take_answer with a time-out, a reset, a 5xx; it needs no fault where no answer can come any more
        :: request[c] == 0 && answer[c] == NOTHING -> skip
        :: else -> faults--
        fi;
        answer[c] = LOST;
        lost[c] = 1;
        attempt[c] = SETTLING;
       }
    :: atomic { attempt[c] == WAITING -> attempt[c] = COMMITTING } // dispatch.c: retry_due -> attempt_retry
    :: atomic { suspect[c] == 1 && due[c] == 0 -> // reconcile.c: choose_suspects, read_log, take_log
#if defined(POLICY_RETRY)
        answer[c] = ABSENT;
        suspect[c] = 2;
#elif defined(POLICY_FAIL) || defined(NO_MARKER)
        answer[c] = HIDDEN;
        suspect[c] = 2;
#else
        if
#ifdef GUESS_RUN
        :: shown[0] -> answer[c] = ID(0, 0); suspect[c] = 2
        :: shown[N - 1] -> answer[c] = ID(N - 1, 0); suspect[c] = 2
#else
        :: shown[c] -> answer[c] = ID(c, 0); suspect[c] = 2 // match_entry -> adopt
#endif
        :: !shown[c] && faults > 0 -> faults--; answer[c] = HIDDEN; suspect[c] = 2 // refused, or does not reach back
        :: !shown[c] -> // judge_missing
            missing[c]++;
            due[c] = 1;
            if
#ifdef READ_AT_ONCE
            :: true
#else
            :: missing[c] >= CHECKS
#endif
                -> answer[c] = ABSENT; suspect[c] = 2; missing[c] = 0; due[c] = 0
#ifndef READ_AT_ONCE
            :: else
#endif
            fi
        fi;
#endif
       }
    :: atomic { up && outbox[c] != 0 && published[c] == 0 -> // outbox.c: hand_over
        published[c] = 1;
       }
    od
}

// The broker with its subscribers, and the connection to it.
proctype publish(byte c)
{
end:
    do
    :: atomic { published[c] == 1 ->
        assert(heard[c] == 0 || heard[c] == outbox[c]); // accepted or rejected, never both
        assert(outbox[c] != ACCEPTED || OWNER(execution[c]) == c); // with the id of a run of its own
        assert(outbox[c] != REJECTED || state[c] == UNKNOWN || (runs[c] == 0 && request[c] == 0)); // it was not done
        heard[c] = outbox[c];
        published[c] = 2;
       }
    :: atomic { published[c] == 1 && faults > 0 -> // the connection breaks; the broker has got it, or not
        faults--; // outbox.c: outbox_offline
        if
        :: heard[c] = outbox[c]
        :: skip
        fi;
        published[c] = 0;
#ifdef FORGET_AT_SEND
        outbox[c] = 0;
#endif
       }
    od
}

proctype api(byte c)
{
end:
    do
    :: atomic { request[c] > 0 -> // it is done
        request[c]--;
        runs[c]++;
        assert(runs[c] <= 1); // one command makes at most one execution
        assert(!dropped[c]);
        if
        :: attempt[c] == IN_FLIGHT -> answer[c] = ID(c, runs[c] - 1)
        :: else // nobody listens any more
        fi;
       }
    :: atomic { request[c] > 0 && faults > 0 -> // it is not done; what the bridge hears of it
        faults--;
        request[c]--;
        if
        :: attempt[c] == IN_FLIGHT -> answer[c] = NO
        :: attempt[c] == IN_FLIGHT -> answer[c] = LATER
        :: skip
        fi;
       }
    :: atomic { runs[c] > 0 && !shown[c] -> shown[c] = 1 } // and now it is in the log
    od
}

#define SOON(c)   (!(lost[c] && UNDECIDED(c)) || late[c] + 1 < SHOW_MAX)
#define PASSES(c) due[c] = (due[c] > 0 -> due[c] - 1 : 0); late[c] = (lost[c] && late[c] < 9 -> late[c] + 1 : late[c])

// A settle time passes. The assumption about the API is in SOON: before SHOW_MAX of them have passed since its answer
// was lost, a request has been done and shows, or will never be done.
proctype passing()
{
end:
    do
    :: atomic { (due[0] > 0 || due[N - 1] > 0) && SOON(0) && SOON(N - 1) ->
        PASSES(0);
#if N > 1
        PASSES(1);
#endif
       }
    od
}

inline forget(c)
{
    if // what was in the socket has left, or not
    :: attempt[c] == IN_FLIGHT && request[c] > 0 -> request[c]--
    :: skip
    fi;
    lost[c] = (attempt[c] != IDLE || suspect[c] != 0 -> 1 : lost[c]);
    if // and what was on its way to the broker has come there, or not
    :: published[c] == 1 -> heard[c] = outbox[c]
    :: skip
    fi;
    callback[c] = 0;
    attempt[c] = IDLE;
    answer[c] = NOTHING;
    suspect[c] = 0;
    due[c] = 0;
    missing[c] = 0;
    drop[c] = 0;
    published[c] = 0;
}

inline recover(c) // io/store.c: recover, then daemon/daemon_build.c: daemon_resume
{
    if
    :: state[c] == RETRY_WAIT -> state[c] = READY
    :: state[c] == SENT || state[c] == AMBIGUOUS ->
#ifndef KEEP_SENT
        state[c] = AMBIGUOUS;
        suspect[c] = 1;
#if !defined(POLICY_RETRY) && !defined(READ_AT_ONCE)
        due[c] = 1;
#endif
#else
        state[c] = READY;
#endif
    :: else
    fi
}

proctype crash()
{
end:
    do
    :: atomic { up && crashes > 0 ->
        crashes--;
        up = 0;
        forget(0);
#if N > 1
        forget(1);
#endif
       }
    :: atomic { !up ->
        up = 1;
        recover(0);
#if N > 1
        recover(1);
#endif
       }
    od
}

init
{
    byte c = 0;
    atomic {
        up = 1;
        do
        :: c < N ->
            held[c] = 1;
            run receive(c);
            run commit(c);
            run loop(c);
            run publish(c);
            run api(c);
            c++;
        :: else -> break
        od;
        run passing();
        run crash();
    }
}

// Every command is answered in the end; with finitely many crashes and faults, and everybody at work getting on.
#ifdef LIVENESS
ltl answered { <> (heard[0] != 0) }
#endif
