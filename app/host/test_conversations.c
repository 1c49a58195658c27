/* test_conversations.c - the store of conversations: turns, branches, words, two programs at once,
 * a killed one, a full disk, files that are no store. */
#include "config.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "host/conversations.h"
#include "host/paths.h"
#include "tap.h"

static char dir[] = "/tmp/spinney-chats-XXXXXX";

static void begin(const char *sub)
{
    struct spn_err err = SPN_ERR_INIT;
    char *home = spn_path_join(dir, sub);

    conversations_end();
    paths_free();
    if (home == NULL || spn_make_dirs(home, &err) != SPN_OK || paths_init(home, &err) != SPN_OK)
        exit(99);
    spn_free(home);
}

static char *db_path(void)
{
    return spn_path_join(paths()->data_home, "chats.db");
}

struct seen {
    size_t n;
    int64_t id[64], turn[64], leaf;
    char text[64][96];
};

static bool see_chat(void *ctx, const struct spn_kept_chat *c)
{
    struct seen *s = ctx;

    if (s->n == 64)
        return false;
    s->id[s->n] = c->id;
    s->turn[s->n] = c->turns;
    s->leaf = c->leaf;
    snprintf(s->text[s->n++], 96, "%s|%s|%s", c->title, c->model != NULL ? c->model : "-",
             c->settings != NULL ? c->settings : "-");
    return true;
}

static bool see_turn(void *ctx, const struct spn_kept_turn *t)
{
    struct seen *s = ctx;

    if (s->n == 64)
        return false;
    s->id[s->n] = t->id;
    s->turn[s->n] = t->parent;
    snprintf(s->text[s->n++], 96, "%s|%.40s|%d|%s", t->role, t->text, (int)t->state,
             t->forest != NULL ? t->forest : "-");
    return true;
}

static bool see_hit(void *ctx, const struct spn_kept_chat *c, int64_t turn, const char *excerpt)
{
    struct seen *s = ctx;

    if (s->n == 64)
        return false;
    s->id[s->n] = c->id;
    s->turn[s->n] = turn;
    snprintf(s->text[s->n++], 96, "%s", excerpt);
    return true;
}

static int64_t put(int64_t chat, int64_t parent, const char *role, const char *text)
{
    struct spn_kept_turn t = {
        .parent = parent, .role = role, .text = text, .at = 7, .state = SPN_KEPT_DONE
    };

    return table_store.turn_put(chat, &t, NULL) == SPN_OK ? t.id : -1;
}

static size_t found(const char *words, struct seen *s)
{
    struct spn_err err = SPN_ERR_INIT;

    *s = (struct seen){ 0 };
    if (table_store.find(words, see_hit, s, &err) != SPN_OK) {
        printf("# %s\n", err.text);
        return 999;
    }
    return s->n;
}

static void test_turns(void)
{
    struct spn_kept_turn grows = { .role = "assistant", .text = "12", .model = "m", .at = 8 };
    struct spn_err err = SPN_ERR_INIT;
    struct seen s = { 0 };
    int64_t chat = 0, other = 0, question, again;
    struct stat st;
    char *path;

    begin("turns");
    ok(table_store.chats(see_chat, &s, &err) == SPN_OK && s.n == 0, "at first there is none: %s",
       err.text);
    ok(table_store.chat_new(&chat, "marbles", &err) == SPN_OK && chat > 0, "a conversation");
    question = put(chat, 0, "user", "Ana has 12 marbles");
    grows.parent = question;
    ok(table_store.turn_put(chat, &grows, &err) == SPN_OK && grows.id > question,
       "an answer grows");
    grows.text = "12 - 5 = 7, Stra\303\237e";
    grows.state = SPN_KEPT_DONE;
    grows.forest = "{\"nodes\":[]}";
    ok(table_store.turn_put(chat, &grows, &err) == SPN_OK, "and is done");
    again = put(chat, question, "assistant", "it is 100% 'seven'");
    s = (struct seen){ 0 };
    ok(table_store.turns(chat, see_turn, &s, &err) == SPN_OK && s.n == 3, "three turns: %zu", s.n);
    ok_str(s.text[1], "assistant|12 - 5 = 7, Stra\303\237e|1|{\"nodes\":[]}", "with its forest");
    ok(s.turn[1] == question && s.turn[2] == question && s.turn[0] == 0,
       "a branch has two answers");
    ok(table_store.chat_set(chat, "marbles and 24", "qwen", "temp=0", grows.id, &err) == SPN_OK,
       "title, model, settings, leaf");
    table_store.chat_new(&other, "other", NULL);
    put(other, 0, "user", "marbles of another kind");
    s = (struct seen){ 0 };
    ok(table_store.chats(see_chat, &s, &err) == SPN_OK && s.n == 2, "two conversations");
    s = (struct seen){ 0 };
    ok(table_store.chat_get(chat, see_chat, &s, &err) == SPN_OK && s.n == 1, "one by its number");
    ok_str(s.text[0], "marbles and 24|qwen|temp=0", "as it was set");
    ok(s.leaf == grows.id && s.turn[0] == 3, "its leaf, its turns");
    ok(table_store.chat_get(12345, see_chat, &s, &err) == SPN_ENOTFOUND, "none of that number: %s",
       err.text);
    /* words */
    ok(found("MARBLES", &s) == 2, "words in all conversations, large or small: %zu", s.n);
    ok(found("arbl kind", &s) == 1 && s.id[0] == other, "parts of words, all of them");
    ok(found("100%", &s) == 1 && s.turn[0] == again, "a percent sign is itself");
    ok(found("'seven'", &s) == 1, "so are quotes");
    ok(found("- 5", &s) == 1, "words too short for the index");
    ok(found("%", &s) == 1 && found("_", &s) == 0, "and signs of patterns");
    ok(found("\" OR 1", &s) == 0, "an operator is a word");
    ok(found("   ", &s) == 0, "blanks find nothing");
    ok(found("nowhere", &s) == 0, "what is nowhere");
    /* removing */
    ok(table_store.chat_remove(other, true, &err) == SPN_OK, "removed");
    s = (struct seen){ 0 };
    table_store.chats(see_chat, &s, NULL);
    ok(s.n == 1 && found("kind", &s) == 0, "it is in no list and not found");
    table_store.chat_remove(other, false, &err);
    ok(found("kind", &s) == 1, "and brought back");
    path = db_path();
    ok(path != NULL && stat(path, &st) == 0 && (st.st_mode & 077) == 0, "0600: %o",
       (unsigned)st.st_mode & 0777);
    spn_free(path);
    conversations_end();
    s = (struct seen){ 0 };
    ok(table_store.turns(chat, see_turn, &s, &err) == SPN_OK && s.n == 3, "there after closing");
}

/* Two programs write into one file at the same time: all of it is there. */
static void test_two(void)
{
    struct spn_err err = SPN_ERR_INIT;
    struct seen s = { 0 };
    int64_t chat = 0;
    pid_t child[2];
    bool well = true;
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    char *path;
    int i, k, status, n = -1, indexed = -1;

    begin("two");
    table_store.chat_new(&chat, "both", &err);
    conversations_end(); /* an open file does not go through fork */
    for (i = 0; i < 2; i++) {
        child[i] = fork();
        if (child[i] == 0) {
            for (k = 0; k < 50; k++)
                if (put(chat, 0, "user", i == 0 ? "from the first" : "from the second") < 0)
                    _exit(1);
            conversations_end();
            _exit(0);
        }
    }
    for (i = 0; i < 2; i++)
        well &= child[i] > 0 && waitpid(child[i], &status, 0) == child[i] && status == 0;
    ok(well, "two programs write");
    s = (struct seen){ 0 };
    table_store.chats(see_chat, &s, NULL);
    conversations_end();
    path = db_path();
    if (path != NULL && sqlite3_open(path, &db) == SQLITE_OK) {
        if (sqlite3_prepare_v2(db, "SELECT count(*) FROM turn", -1, &q, NULL) == SQLITE_OK &&
            sqlite3_step(q) == SQLITE_ROW)
            n = sqlite3_column_int(q, 0);
        sqlite3_finalize(q);
        q = NULL;
        if (sqlite3_prepare_v2(db, "SELECT count(*) FROM words", -1, &q, NULL) == SQLITE_OK &&
            sqlite3_step(q) == SQLITE_ROW)
            indexed = sqlite3_column_int(q, 0);
        sqlite3_finalize(q);
    }
    sqlite3_close(db);
    spn_free(path);
    ok(n == 100 && indexed == 100, "nothing is lost: %d turns, %d in the index", n, indexed);
}

/* A program that is killed while an answer comes loses a moment of it at most. */
static void test_killed(void)
{
    struct seen s = { 0 };
    int64_t chat = 0;
    int ends[2], status;
    char byte;
    pid_t child;

    begin("killed");
    table_store.chat_new(&chat, "cut off", NULL);
    conversations_end();
    if (pipe(ends) != 0)
        exit(99);
    child = fork();
    if (child == 0) {
        struct spn_kept_turn t = { .role = "assistant", .text = "the answer" };

        table_store.turn_put(chat, &t, NULL);
        t.text = "the answer is growing";
        table_store.turn_put(chat, &t, NULL);
        if (write(ends[1], "x", 1) == 1)
            for (;;)
                pause();
        _exit(1);
    }
    close(ends[1]);
    ok(child > 0 && read(ends[0], &byte, 1) == 1, "an answer is under way");
    close(ends[0]);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    ok(table_store.turns(chat, see_turn, &s, NULL) == SPN_OK && s.n == 1, "killed: it is there");
    ok_str(s.text[0], "assistant|the answer is growing|0|-", "as far as it had come");
    ok(found("growing", &s) == 1, "and is found");
}

static void test_full(void)
{
    static char big[1 << 20];
    struct spn_kept_turn t = { .role = "user", .text = big };
    struct spn_err err = SPN_ERR_INIT;
    struct seen s = { 0 };
    int64_t chat = 0, first;

    begin("full");
    memset(big, 'x', sizeof big - 1);
    table_store.chat_new(&chat, "full", NULL);
    first = put(chat, 0, "user", "small enough");
    conversations_limit(40);
    ok(table_store.turn_put(chat, &t, &err) == SPN_EIO && strstr(err.text, "disk is full") != NULL,
       "a full disk: %s", err.text);
    ok(t.id == 0, "what is not written has no number");
    conversations_limit(0);
    s = (struct seen){ 0 };
    ok(table_store.turns(chat, see_turn, &s, NULL) == SPN_OK && s.n == 1 && s.id[0] == first,
       "what was there is whole");
    ok(table_store.turn_put(chat, &t, &err) == SPN_OK, "with room again it goes on");
}

static void test_bad(void)
{
    struct spn_err err = SPN_ERR_INIT;
    struct seen s = { 0 };
    sqlite3 *db = NULL;
    int64_t chat = 0;
    char *path;

    begin("bad");
    table_store.chat_new(&chat, "x", NULL);
    conversations_end();
    path = db_path();
    ok(path != NULL && sqlite3_open(path, &db) == SQLITE_OK &&
           sqlite3_exec(db, "PRAGMA user_version=9", NULL, NULL, NULL) == SQLITE_OK,
       "a file of a newer form");
    sqlite3_close(db);
    ok(table_store.chats(see_chat, &s, &err) == SPN_EIO && strstr(err.text, "newer") != NULL,
       "is left alone: %s", err.text);
    conversations_end();
    ok(spn_file_write(path,
                      "no database at all, but long enough to have a head of one hundred bytes "
                      "and some more of them, so that it is looked at",
                      110, NULL) == SPN_OK &&
           table_store.chats(see_chat, &s, &err) == SPN_EIO,
       "a file that is none: %s", err.text);
    ok(strstr(err.text, "damaged") != NULL && err.cure[0] != '\0', "says so, with a cure");
    spn_free(path);
    /* a home that is no folder */
    begin("none");
    if (spn_file_write(paths()->data_home, "x", 1, NULL) != SPN_OK)
        exit(99);
    ok(table_store.chat_new(&chat, "x", &err) != SPN_OK && err.text[0] != '\0',
       "a home that cannot be written: %s", err.text);
    ok(conversations_shared(0x6969) && conversations_shared(0x65735546) &&
           conversations_shared((long)(int)0xff534d42u) && !conversations_shared(0xef53),
       "file systems of other machines are told from disks");
}

static int take_away(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    return remove(path);
}

int main(void)
{
    if (mkdtemp(dir) == NULL)
        return 99;
    test_turns();
    test_two();
    test_killed();
    test_full();
    test_bad();
    conversations_end();
    paths_free();
    nftw(dir, take_away, 16, FTW_DEPTH | FTW_PHYS);
    return done();
}
