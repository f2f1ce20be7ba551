// SPDX-License-Identifier: Apache-2.0
// losant-emulator: the Losant resource-job API as a program of its own, for tests of the bridge and for people who
// develop flows without an account. Must never share code with bridge/: it is what the bridge is checked against. Main
// thread.
#include "args.h"
#include "control.h"
#include "front.h"
#include "http.h"
#include "seeding.h"
#include "world.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct addresses {
    int api_fd;
    int control_fd;
    uint16_t api_port;
    uint16_t control_port;
};

// The signals that end the program are taken by sigwait() here, and by no thread of libmicrohttpd.
static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static bool open_addresses(const struct args *args, struct addresses *addresses)
{
    char problem[200];

    addresses->control_fd = -1;
    addresses->api_fd = http_listen(args->listen, false, &addresses->api_port, problem, sizeof problem);
    if (addresses->api_fd < 0) {
        fprintf(stderr, "losant-emulator: --listen %s\n", problem);
        return false;
    }
    if (args->control) {
        addresses->control_fd = http_listen(args->control, true, &addresses->control_port, problem, sizeof problem);
        if (addresses->control_fd < 0) {
            fprintf(stderr, "losant-emulator: --control %s\n", problem);
            return false;
        }
    }
    return true;
}

// "127.0.0.1:0" with the port that was really taken.
static void print_url(const char *key, const char *scheme, const char *address, uint16_t port)
{
    printf("\"%s\":\"%s://%.*s:%u\"", key, scheme, (int)(strrchr(address, ':') - address), address, (unsigned)port);
}

static void print_addresses(const struct args *args, const struct addresses *addresses)
{
    fputs("{", stdout);
    print_url("api", args->tls_cert ? "https" : "http", args->listen, addresses->api_port);
    if (args->control) {
        fputs(",", stdout);
        print_url("control", "http", args->control, addresses->control_port);
    }
    puts("}");
    fflush(stdout);
}

static int serve(struct world *world, const struct args *args, const struct addresses *addresses, const sigset_t *set,
                 const struct front_options *options)
{
    struct front *front = front_start(world, options);
    struct control *control = args->control ? control_start(world, addresses->control_fd) : NULL;
    int rc = EX_OK;
    int number;

    if (front && (control || !args->control)) {
        print_addresses(args, addresses);
        while (sigwait(set, &number) == EINTR) {
            number = 0;
        }
    } else {
        fprintf(stderr, "losant-emulator: cannot serve%s\n", args->tls_cert ? " (are certificate and key PEM?)" : "");
        rc = EX_UNAVAILABLE;
    }
    if (control) {
        control_stop(control);
    }
    if (front) {
        front_stop(front);
    }
    return rc;
}

int main(int argc, char **argv)
{
    static struct args args;
    static struct world world;
    struct front_options options = {0};
    struct addresses addresses;
    char *cert = NULL;
    char *key = NULL;
    sigset_t set;
    int rc = args_read(argc, argv, &args);

    if (rc >= 0) {
        return rc;
    }
    block_signals(&set);
    world_init(&world, args.seed);
    rc = EX_DATAERR;
    if (!seeding_fill(&world, &args) || (args.tls_cert && !(cert = seeding_read_file(args.tls_cert))) ||
        (args.tls_key && !(key = seeding_read_file(args.tls_key)))) {
        goto out;
    }
    rc = EX_UNAVAILABLE;
    if (open_addresses(&args, &addresses)) {
        options = (struct front_options){addresses.api_fd, cert, key, args.verbose};
        rc = serve(&world, &args, &addresses, &set, &options);
    }
out:
    free(cert);
    free(key);
    world_free(&world);
    return rc;
}
