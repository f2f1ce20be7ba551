// SPDX-License-Identifier: Apache-2.0
// io/config: the file itself: syntax, includes, many problems at once, secrets.
#include "config_fixture.h"

static void expect_text(const char *text, int line, const char *key, const char *part)
{
    write_file("main.conf", text);
    expect_one(line, key, part);
}

#define HEAD "broker = { uri = \"tcp://b\"; }; api = { token_file = \"token\"; };\n"
#define IDS  "application_id = \"575ec8687ae143cd83dc4a97\"; resource_job_id = \"6328c6c026517badf9142116\"; "
#define JOBS "jobs = ( { name = \"a\"; " IDS "} );\n"
#define ENDS "routes = ( { name = \"r\"; filter = \"in/{job}/{action}\"; replies = \"out/{job}\"; } );\n"

static void test_lists(void **state)
{
    (void)state;
    expect_text(HEAD ENDS, 0, "jobs", "is missing");
    expect_text(HEAD JOBS, 0, "routes", "is missing");
    expect_text(HEAD ENDS "jobs = ();\n", 3, "jobs", "is empty");
    expect_text(HEAD ENDS "jobs = { name = \"a\"; };\n", 3, "jobs", "is no list");
    expect_text(HEAD ENDS "jobs = (\n5,\n{ name = \"b\"; " IDS "} );\n", 4, "jobs[0]", "expected a group");
    expect_text(HEAD ENDS "jobs = ( { name = \"a\"; " IDS "},\n{ name = \"a\"; " IDS "} );\n", 4, "jobs[1].name",
                "like jobs[0].name");
    expect_text(HEAD ENDS "jobs = ( { name = \"a/b\"; " IDS "} );\n", 3, "jobs[0].name", "level of a topic");
    expect_text(HEAD ENDS "jobs = ( { name = \"a+\"; " IDS "} );\n", 3, "jobs[0].name", "level of a topic");
    expect_text(HEAD ENDS "jobs = ( { name = \"$a\"; " IDS "} );\n", 3, "jobs[0].name", "level of a topic");
    expect_text(HEAD ENDS "jobs = ( { name = \"\"; " IDS "} );\n", 3, "jobs[0].name", "is empty");
    expect_text(HEAD ENDS "jobs = (\n{ " IDS "} );\n", 4, "jobs[0].name", "is missing");
    expect_text(HEAD ENDS "jobs = ( { name = \"a\"; application_id = \"575ec8687ae143cd83dc4a9\";\n"
                          "resource_job_id = \"6328c6c026517badf9142116\"; } );\n",
                3, "jobs[0].application_id", "24 hex digits");
    expect_text(HEAD ENDS "jobs = ( { name = \"a\"; application_id = \"575ec8687ae143cd83dc4a97\";\n"
                          "resource_job_id = \"6328c6c026517badf914211x\"; } );\n",
                4, "jobs[0].resource_job_id", "24 hex digits");
    expect_text(HEAD JOBS "routes = ( { name = \"\"; filter = \"in/{job}/{action}\"; replies = \"out\"; } );\n", 3,
                "routes[0].name", "1 to 128");
    write_file("main.conf", HEAD ENDS "jobs = ( { name = \"Kalibrierung S\xc3\xbc"
                                      "d 3.1\"; " IDS "} );\n");
    config_free(load_right());
}

static void test_syntax(void **state)
{
    (void)state;
    expect_text("broker = {\nuri = ;\n};\n", 2, "", "syntax error");
    expect_text("a = 1;\na = 2;\n", 2, "", "duplicate setting name");
    expect_text("a = [1,\n\"x\"];\n", 2, "", "mismatched element type");
    expect_text("a = 1;\nb = \"never\nends;\n", 2, "", "no closing quote");
    expect_text("a = 1;\n/* never\nends\n", 2, "", "has no end");
    expect_text("a = 1;\nb = {\n", 2, "", "syntax error");
    expect_text("a = 1; @include \"inc.conf\"\n", 1, "", "a line of its own");
    expect_text("a = 1;\n@include inc.conf\n", 2, "", "a line of its own");
}

static void test_too_deep(void **state)
{
    (void)state;
    char text[TEXT_BYTES] = "a =\n";
    size_t len = strlen(text);
    memset(text + len, '(', sizeof text - len - 1);
    expect_text(text, 2, "", "fewer brackets");
}

static void test_not_read(void **state)
{
    (void)state;
    struct config *config = NULL;
    struct config_problems problems;
    assert_int_equal(config_load(path_of("nowhere"), &config, &problems), STATUS_IO);
    assert_int_equal(problems.count, 1);
    assert_int_equal(problems.items[0].line, 0);
    config_problems_free(&problems);
    assert_int_equal(config_load(folder, &config, &problems), STATUS_IO); // libconfig itself would exit here
    assert_int_equal(problems.count, 1);
    config_problems_free(&problems);
    write_bytes("main.conf", "a = 1;\n\0", 8);
    expect_one(2, "", "NUL");
    write_file("main.conf", "");
    assert_int_equal(config_load(main_path, &config, &problems), STATUS_INVALID);
    assert_int_equal(problems.count, 4); // uri, token, jobs, routes
    config_problems_free(&problems);
}

static void test_include(void **state)
{
    (void)state;
    char text[TEXT_BYTES];
    write_file("inc.conf", "# a comment\n" JOBS);
    write_file("main.conf", HEAD "# @include \"nowhere\"\n/* @include \"nowhere\" */\n@include \"inc.conf\"\n" ENDS);
    config_free(load_right());
    (void)snprintf(text, sizeof text, HEAD "  @include \"%s\" # here\n" ENDS, path_of("inc.conf"));
    write_file("main.conf", text);
    config_free(load_right());
    // lines are right before, inside and after an include without a newline at its end
    write_file("inc.conf", "\njobs = ( { name = \"a\";\nnme = 3; " IDS "} )");
    write_file("main.conf", "brokr = 1;\n" HEAD "@include \"inc.conf\"\n\nlgo = 2;\n" ENDS);
    struct config *config = NULL;
    struct config_problems problems;
    assert_int_equal(config_load(main_path, &config, &problems), STATUS_INVALID);
    assert_int_equal(problems.count, 3);
    assert_string_equal(problems.items[0].key, "brokr");
    assert_int_equal(problems.items[0].line, 1);
    assert_string_equal(problems.items[1].key, "lgo");
    assert_int_equal(problems.items[1].line, 5);
    assert_string_equal(problems.items[1].file, main_path);
    assert_string_equal(problems.items[2].key, "jobs[0].nme");
    assert_int_equal(problems.items[2].line, 3);
    assert_string_equal(problems.items[2].file, path_of("inc.conf"));
    config_problems_free(&problems);
}

static void test_include_wrong(void **state)
{
    (void)state;
    struct config *config = NULL;
    struct config_problems problems;
    write_file("main.conf", HEAD "@include \".\"\n"); // a folder: libconfig itself would exit here
    assert_int_equal(config_load(main_path, &config, &problems), STATUS_IO);
    assert_int_equal(problems.count, 1);
    assert_int_equal(problems.items[0].line, 2);
    config_problems_free(&problems);
    write_file("main.conf", HEAD "\n@include \"nowhere.conf\"\n");
    assert_int_equal(config_load(main_path, &config, &problems), STATUS_IO);
    assert_int_equal(problems.count, 1);
    assert_int_equal(problems.items[0].line, 3);
    assert_non_null(strstr(problems.items[0].text, "nowhere.conf: No such file"));
    config_problems_free(&problems);
    write_file("main.conf", "\n@include \"main.conf\"\n"); // itself
    expect_one(2, "", "too many @include");
    write_file("inc.conf", "a = 1;\nb == 2;\n");
    write_file("main.conf", HEAD "@include \"inc.conf\"\n");
    assert_int_equal(config_load(main_path, &config, &problems), STATUS_INVALID);
    assert_int_equal(problems.count, 1);
    assert_int_equal(problems.items[0].line, 2);
    assert_string_equal(problems.items[0].file, path_of("inc.conf"));
    config_problems_free(&problems);
}

static void test_all_at_once(void **state)
{
    (void)state;
    static const struct {
        int line;
        const char *key;
    } expected[] = {{1, "broker.keepalive_s"}, {2, "broker.protocol"},    {2, "broker.tls.verify"},
                    {3, "api.token_file"},     {4, "jobs[0].actions[0]"}, {5, "jobs[0].ttl_s"},
                    {5, "jobs[0].name"},       {6, "routes[0].status"},   {7, "routes[1].context"}};
    struct config *config = NULL;
    struct config_problems problems;
    write_file("main.conf",
               "broker = { uri = \"tcp://b\"; keepalive_s = 0;\nprotocol = \"6\"; tls = { verify = false; }; };\n"
               "api = { };\n"
               "jobs = ( { name = \"a\"; actions = [\"run\"]; " IDS "},\n{ ttl_s = 0; name = \"a\"; " IDS
               "} );\nroutes = ( { name = \"r\"; filter = \"in/{job}/{action}\"; replies = \"out/{job}\"; "
               "status = \"in/a/get\"; },\n { name = \"s\"; filter = \"on/{job}/{action}\"; replies = "
               "\"up/{job}\"; context = \"{}\"; } );\n");
    assert_int_equal(config_load(main_path, &config, &problems), STATUS_INVALID);
    assert_int_equal(problems.count, COUNT(expected));
    for (size_t i = 0; i < problems.count; i++) {
        bool found = false;
        for (size_t k = 0; k < COUNT(expected); k++) {
            const char *key = strncmp(problems.items[i].key, "jobs[1]", 7) == 0 ? problems.items[i].key + 7 : NULL;
            found = found || (problems.items[i].line == expected[k].line &&
                              (strcmp(problems.items[i].key, expected[k].key) == 0 ||
                               (key != NULL && strcmp(key, expected[k].key + 7) == 0)));
        }
        assert_true(found);
        assert_true(i == 0 || problems.items[i - 1].line <= problems.items[i].line);
    }
    config_problems_free(&problems);
}

static void test_too_many_problems(void **state)
{
    (void)state;
    struct config *config = NULL;
    struct config_problems problems;
    FILE *file = fopen(main_path, "w");
    assert_non_null(file);
    (void)fputs(HEAD JOBS ENDS, file);
    for (int i = 0; i < CONFIG_PROBLEMS_MAX + 50; i++) {
        (void)fprintf(file, "zz%d = 1;\n", i);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(config_load(main_path, &config, &problems), STATUS_INVALID);
    assert_int_equal(problems.count, CONFIG_PROBLEMS_MAX);
    assert_int_equal(problems.left_out, 50);
    config_problems_free(&problems);
}

static void test_secret(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *secret; // NULL: refused
    } cases[] = {{"abc", "abc"}, {"abc\n", "abc"}, {"abc\r\n", "abc"}, {"a b", "a b"}, {"", NULL},
                 {"\n", NULL},   {"a\nb", NULL},   {"abc\n\n", NULL},  {"a\tb", NULL}, {"\xc3\xa4", "\xc3\xa4"}};
    struct bytes secret;
    const char *why = NULL;
    for (size_t i = 0; i < COUNT(cases); i++) {
        write_file("token", cases[i].text);
        bytes_init(&secret, CONFIG_SECRET_MAX_BYTES);
        enum status rc = config_secret(path_of("token"), "", &secret, &why);
        assert_int_equal(rc, cases[i].secret != NULL ? STATUS_OK : STATUS_INVALID);
        assert_string_equal(bytes_text(&secret), cases[i].secret != NULL ? cases[i].secret : "");
        bytes_free(&secret);
    }
    char *large = calloc(1, CONFIG_SECRET_MAX_BYTES + 2);
    assert_non_null(large);
    memset(large, 'x', CONFIG_SECRET_MAX_BYTES + 1);
    bytes_init(&secret, CONFIG_SECRET_MAX_BYTES);
    write_file("token", large);
    assert_int_equal(config_secret(path_of("token"), "", &secret, &why), STATUS_TOO_LARGE);
    write_bytes("token", large, CONFIG_SECRET_MAX_BYTES);
    assert_int_equal(config_secret(path_of("token"), "", &secret, &why), STATUS_OK);
    assert_int_equal(secret.len, CONFIG_SECRET_MAX_BYTES);
    free(large);
    bytes_clear(&secret);
    assert_int_equal(config_secret(path_of("nowhere"), "", &secret, &why), STATUS_NOT_FOUND);
    assert_int_equal(setenv("TEST_CONFIG_SECRET", "from outside", 1), 0);
    assert_int_equal(config_secret("", "TEST_CONFIG_SECRET", &secret, &why), STATUS_OK);
    assert_string_equal(bytes_text(&secret), "from outside");
    assert_int_equal(config_secret("", "TEST_CONFIG_NOT_SET", &secret, &why), STATUS_NOT_FOUND);
    bytes_free(&secret);
}

static void test_files(void **state)
{
    (void)state;
    struct config_problems problems = {0};
    write_file("token", "t\n");
    write_file("pem", "x");
    write_file("empty", "");
    write_pieces(&(struct pieces){.broker_2 = "uri = \"ssl://b\"; username = \"u\"; tls = { ca_file = \"pem\"; };"});
    struct config *config = load_right();
    assert_int_equal(config_check_files(config, &problems), STATUS_OK);
    config_free(config);
    write_pieces(&(struct pieces){.broker_2 = "uri = \"ssl://b\"; username = \"u\"; password_file = \"empty\"; tls = "
                                              "{ ca_file = \"empty\";\ncert_file = \"nowhere\"; key_file = \"pem\"; };",
                                  .api_4 = "token_file = \"nowhere\"; tls = { ca_file = \"nowhere\"; };"});
    config = load_right();
    assert_int_equal(config_check_files(config, &problems), STATUS_INVALID);
    assert_int_equal(problems.count, 5);
    assert_string_equal(problems.items[0].key, "broker.password_file");
    assert_int_equal(problems.items[0].line, 2);
    assert_string_equal(problems.items[0].file, main_path);
    assert_string_equal(problems.items[1].key, "api.token_file");
    assert_int_equal(problems.items[1].line, 5);
    assert_non_null(strstr(problems.items[1].text, "No such file"));
    assert_string_equal(problems.items[3].key, "broker.tls.cert_file");
    assert_int_equal(problems.items[3].line, 3);
    config_problems_free(&problems);
    config_free(config);
    write_pieces(&(struct pieces){.api_4 = "token_env = \"TEST_CONFIG_NOT_SET\";"});
    config = load_right();
    assert_int_equal(config_check_files(config, &problems), STATUS_INVALID);
    assert_string_equal(problems.items[0].key, "api.token_env");
    config_problems_free(&problems);
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),       cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_too_deep),    cmocka_unit_test(test_not_read),
        cmocka_unit_test(test_include),     cmocka_unit_test(test_include_wrong),
        cmocka_unit_test(test_all_at_once), cmocka_unit_test(test_too_many_problems),
        cmocka_unit_test(test_secret),      cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
