// SPDX-License-Identifier: Apache-2.0
// Every status has a text of its own, and a number that is none has one too.
#include "base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka needs those four first
#include <cmocka.h>
#include <string.h>

static void each_status_has_its_own_text(void **state)
{
    (void)state;
    for (int i = STATUS_OK; i <= STATUS_BUSY; i++) {
        assert_true(strlen(status_text((enum status)i)) > 1);
        assert_string_not_equal(status_text((enum status)i), status_text((enum status)(STATUS_BUSY + 1)));
        for (int j = STATUS_OK; j < i; j++) {
            assert_string_not_equal(status_text((enum status)i), status_text((enum status)j));
        }
    }
}

static void a_number_that_is_no_status_has_a_text(void **state)
{
    (void)state;
    assert_string_equal(status_text((enum status)(STATUS_BUSY + 1)), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_status_has_its_own_text),
        cmocka_unit_test(a_number_that_is_no_status_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
