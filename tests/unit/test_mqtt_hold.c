// SPDX-License-Identifier: Apache-2.0
// Acknowledgements that wait for their commit: none leaves before it is settled, all leave in the order of their
// messages, and a connection that is not understood holds none. The library's writes are made by hand here.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/mqtt_hold.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static int library; // the end that Paho writes to
static int broker;

static int set_up(void **state)
{
    int ends[2];
    (void)state;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) {
        return -1;
    }
    library = ends[0];
    broker = ends[1];
    mqtt_hold_renew();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mqtt_hold_renew();
    close(library);
    close(broker);
    return 0;
}

static ssize_t write_two(void *a, size_t a_len, void *b, size_t b_len)
{
    struct iovec parts[2] = {{a, a_len}, {b, b_len}};
    return writev(library, parts, 2);
}

static void write_puback(int id)
{
    uint8_t packet_id[2] = {(uint8_t)(id >> 8), (uint8_t)id};
    assert_int_equal(write_two((char[]){"\x40\x02"}, 2, packet_id, 2), 4);
}

// What has come to the broker: the ids of PUBACKs, -1 for the end, and nothing else.
static void assert_acknowledged(const int *ids)
{
    uint8_t data[4096];
    ssize_t got = recv(broker, data, sizeof data, 0);
    size_t count = 0;
    while (ids[count] >= 0) {
        count++;
    }
    assert_int_equal(got > 0 ? got : 0, count * 4);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(data[i * 4], 0x40);
        assert_int_equal(data[i * 4 + 2] << 8 | data[i * 4 + 3], ids[i]);
    }
}
#define ACKNOWLEDGED(...) assert_acknowledged((const int[]){__VA_ARGS__, -1})
#define NOTHING           assert_acknowledged((const int[]){-1})

static void prove(void)
{
    assert_int_equal(mqtt_hold_begin(7, 1), 0); // nobody knows yet where its PUBACK will be written
    write_puback(7);
    ACKNOWLEDGED(7);
}

static void test_waits_for_its_commit(void **state)
{
    (void)state;
    prove();
    uint64_t number = mqtt_hold_begin(300, 10);
    assert_int_not_equal(number, 0);
    write_puback(300);
    mqtt_hold_flush();
    NOTHING;
    assert_int_equal(mqtt_hold_count(), 1);
    mqtt_hold_settle(number, 10);
    mqtt_hold_flush();
    ACKNOWLEDGED(300);
    assert_int_equal(mqtt_hold_count(), 0);
}

static void test_committed_before_the_library_writes(void **state)
{
    (void)state;
    prove();
    uint64_t number = mqtt_hold_begin(8, 0);
    mqtt_hold_settle(number, 0);
    mqtt_hold_flush();
    NOTHING;
    write_puback(8);
    ACKNOWLEDGED(8);
}

static void test_order_of_the_messages(void **state)
{
    uint64_t numbers[3];
    (void)state;
    prove();
    for (int i = 0; i < 3; i++) {
        numbers[i] = mqtt_hold_begin(10 + i, 1);
        write_puback(10 + i);
    }
    mqtt_hold_settle(numbers[1], 1);
    mqtt_hold_settle(numbers[2], 1);
    mqtt_hold_flush();
    NOTHING;
    mqtt_hold_settle(numbers[0], 1);
    mqtt_hold_flush();
    ACKNOWLEDGED(10, 11, 12);
}

static void test_other_packets_pass(void **state)
{
    char data[64];
    (void)state;
    prove();
    assert_int_not_equal(mqtt_hold_begin(20, 1), 0);
    write_puback(20);
    assert_int_equal(write_two((char[]){"\x32\x05"}, 2, (char[]){"abcde"}, 5), 7);
    assert_int_equal(recv(broker, data, sizeof data, 0), 7);
    assert_memory_equal(data,
                        "\x32\x05"
                        "abcde",
                        7);
}

static void test_nothing_leaves_a_lost_connection(void **state)
{
    (void)state;
    prove();
    uint64_t number = mqtt_hold_begin(30, 1);
    mqtt_hold_lost();
    write_puback(30); // the library does not know yet
    mqtt_hold_settle(number, 1);
    mqtt_hold_flush();
    NOTHING;
    assert_int_equal(mqtt_hold_begin(31, 1), 0);
    write_puback(31); // in the journal, but the broker may as well send it again
    NOTHING;
    mqtt_hold_renew();
    prove();
}

static void test_a_connection_that_is_not_understood(void **state)
{
    (void)state;
    assert_int_equal(mqtt_hold_begin(40, 1), 0);
    write_puback(41); // not the one that was expected
    ACKNOWLEDGED(41);
    assert_int_equal(mqtt_hold_begin(42, 1), 0);
    write_puback(42);
    ACKNOWLEDGED(42);
    assert_int_not_equal(mqtt_hold_begin(43, 1), 0);
}

// A packet that the kernel took in part: acknowledgements wait for its rest.
static void test_never_into_a_packet(void **state)
{
    static char block[1 << 20];
    static char read_back[1 << 20];
    (void)state;
    prove();
    uint64_t number = mqtt_hold_begin(50, 1);
    write_puback(50);
    memset(block, 'x', sizeof block);
    ssize_t part = write_two((char[]){"\x32\x7f"}, 2, block, sizeof block);
    assert_true(part > 0 && (size_t)part < sizeof block + 2);
    mqtt_hold_settle(number, 1);
    mqtt_hold_flush();
    size_t left = sizeof block + 2 - (size_t)part;
    while (left > 0) {
        assert_true(recv(broker, read_back, sizeof read_back, 0) > 0);
        ssize_t more = write_two(block, left / 2, block, left - left / 2);
        assert_true(more > 0 || errno == EAGAIN);
        left -= more > 0 ? (size_t)more : 0;
    }
    size_t got = 0;
    ssize_t last = 0;
    while ((last = recv(broker, read_back, sizeof read_back, 0)) > 0) {
        got = (size_t)last;
        if (read_back[got - 1] != 'x') {
            break;
        }
    }
    assert_true(got >= 4);
    assert_memory_equal(read_back + got - 4, "\x40\x02\x00\x32", 4);
    assert_null(memchr(read_back, 0x40, got - 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_waits_for_its_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_committed_before_the_library_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_order_of_the_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_packets_pass, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_leaves_a_lost_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_connection_that_is_not_understood, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_never_into_a_packet, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
