/* test_tools.c - what the tools answer. */
#include "config.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/tap.h"
#include "tools.h"

static void test_calculator(void)
{
    struct spn_buf b = SPN_BUF_INIT(256);
    struct spn_err err = SPN_ERR_INIT;

    ok(tools_calculate("(10 - 4) * 5 - 6 =", &b, NULL) == SPN_OK, "an expression");
    ok_str(b.data, "24", "its value");
    spn_buf_trim(&b, 0);
    tools_calculate("10 / 3", &b, NULL);
    ok_str(b.data, "10/3 (= 3.333333333)", "a fraction and its decimals");
    spn_buf_free(&b);
    ok(tools_calculate("1 / 0", &b, &err) == SPN_EFORMAT, "refused: %s", err.text);
    spn_buf_free(&b);
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char *path = spn_path_join(dir, name);

    spn_file_write(path, text, strlen(text), NULL);
    spn_free(path);
}

static void test_search(void)
{
    char dir[] = "/tmp/spinney-search-XXXXXX", below[64], path[96];
    struct spn_buf b = SPN_BUF_INIT(1 << 16);
    struct spn_err err = SPN_ERR_INIT;

    if (!ok(mkdtemp(dir) != NULL, "a folder"))
        return;
    snprintf(below, sizeof below, "%s/below", dir);
    mkdir(below, 0700);
    write_file(dir, "a.txt", "The beech is a tree.\nIt is tall.\n\n\nA forest has many trees.\n");
    write_file(below, "b.txt", "A lamp.\n\nOak and beech, beech and oak: two trees.\n");
    write_file(dir, "c.bin", "beech");
    snprintf(path, sizeof path, "%s/link", dir);
    ok(symlink("/etc", path) == 0, "a link");
    ok(tools_search(dir, "Beech oak", 2, &b, &err) == SPN_OK, "two words: %s", err.text);
    ok_str(b.data, "below/b.txt:3: Oak and beech, beech and oak: two trees.\n\nc.bin:1: beech",
           "the best paragraph first, then the shortest");
    spn_buf_trim(&b, 0);
    ok(tools_search(dir, "forest", 3, &b, &err) == SPN_OK, "one word");
    ok_str(b.data, "a.txt:5: A forest has many trees.", "its paragraph and line");
    spn_buf_trim(&b, 0);
    ok(tools_search(dir, "unicorn", 3, &b, &err) == SPN_ENOTFOUND, "none: %s", err.text);
    ok(tools_search(dir, "...", 3, &b, &err) == SPN_EUSAGE, "no word: %s", err.text);
    ok(tools_search("/nowhere/at/all", "x", 3, &b, &err) == SPN_ENOTFOUND, "no folder: %s",
       err.text);
    spn_buf_free(&b);
    unlink(path);
    snprintf(path, sizeof path, "%s/b.txt", below);
    unlink(path);
    rmdir(below);
    snprintf(path, sizeof path, "%s/a.txt", dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/c.bin", dir);
    unlink(path);
    ok(rmdir(dir) == 0, "nothing is left");
}

static void test_clock(void)
{
    struct spn_buf b = SPN_BUF_INIT(256);

    tools_time(0, "utc", &b, NULL);
    ok_str(b.data, "Thursday 1970-01-01 00:00:00 UTC", "the first second");
    spn_buf_free(&b);
}

int main(void)
{
    test_calculator();
    test_search();
    test_clock();
    return done();
}
