/* conversations.c - the file of the store: where it lies, how it is opened, what its errors mean.
 *
 * A turn is written every time some of it has come, so that a killed program loses a moment at
 * most.  Two programs may have the file open: every write is a transaction of its own, turns are
 * only added or completed.  With a write-ahead log readers never wait for writers; on a file system
 * of another machine, where that log cannot work, SQLite's rollback journal is used. */
#include "config.h"

#include "host/conversations.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "host/conversations_inner.h"
#include "host/paths.h"

#define VERSION      1
#define APPLICATION  0x53504e43 /* "SPNC" */
#define BUSY_MS      3000       /* another program writes: so long is waited */
#define REMOVED_KEPT 3600       /* seconds that a removed conversation can still be brought back */

static const char schema[] =
    "CREATE TABLE chat(id INTEGER PRIMARY KEY, title TEXT NOT NULL, model TEXT, settings TEXT,"
    " leaf INTEGER NOT NULL DEFAULT 0, at INTEGER NOT NULL, removed INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE turn(id INTEGER PRIMARY KEY, chat INTEGER NOT NULL REFERENCES chat(id) ON DELETE"
    " CASCADE, parent INTEGER NOT NULL, role TEXT NOT NULL, text TEXT NOT NULL, model TEXT,"
    " figures TEXT, forest TEXT, state INTEGER NOT NULL, at INTEGER NOT NULL);"
    "CREATE INDEX turn_chat ON turn(chat, id);"
    "CREATE INDEX turn_growing ON turn(state) WHERE state = 0;";
/* Parts of words are found: three letters in a row are what is indexed. */
static const char word_index[] =
    "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(text, tokenize='trigram');";

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sqlite3 *file;
static bool indexed;
static int page_limit;

/* ---- errors ---- */

static char *store_path(void)
{
    return paths()->data_home != NULL ? spn_path_join(paths()->data_home, "chats.db") : NULL;
}

spn_status kept_failed(sqlite3 *db, struct spn_err *err)
{
    char *path = store_path();
    const char *where = path != NULL ? path : "conversations";
    int code = db != NULL ? sqlite3_errcode(db) & 0xff : SQLITE_NOMEM;

    switch (code) {
    case SQLITE_FULL:
        spn_fail(err, SPN_EIO, "%s: the disk is full", where);
        break;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        spn_fail(err, SPN_EIO, "%s: cannot be written", where);
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        spn_fail(err, SPN_EIO, "%s: another program has been writing for %d s", where,
                 BUSY_MS / 1000);
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        spn_fail(err, SPN_EIO, "%s: is damaged, or no file of conversations", where);
        spn_cure(err, "mv %s %s.damaged", where, where);
        break;
    case SQLITE_NOMEM:
        spn_fail(err, SPN_ENOMEM, "%s: no memory", where);
        break;
    default:
        spn_fail(err, SPN_EIO, "%s: %s", where, sqlite3_errmsg(db));
    }
    spn_free(path);
    return code == SQLITE_NOMEM ? SPN_ENOMEM : SPN_EIO;
}

/* ---- statements ---- */

spn_status kept_run(sqlite3 *db, const char *sql, struct spn_err *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? SPN_OK : kept_failed(db, err);
}

spn_status kept_prepare(sqlite3 *db, sqlite3_stmt **out, const char *sql, struct spn_err *err)
{
    return sqlite3_prepare_v2(db, sql, -1, out, NULL) == SQLITE_OK ? SPN_OK : kept_failed(db, err);
}

spn_status kept_finish(sqlite3 *db, sqlite3_stmt *s, struct spn_err *err)
{
    spn_status st = sqlite3_step(s) == SQLITE_DONE ? SPN_OK : kept_failed(db, err);

    sqlite3_finalize(s);
    return st;
}

spn_status kept_commit(sqlite3 *db, spn_status st, struct spn_err *err)
{
    if (st == SPN_OK)
        st = kept_run(db, "COMMIT", err);
    if (st != SPN_OK && sqlite3_get_autocommit(db) == 0)
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return st;
}

void kept_bind(sqlite3_stmt *s, int column, const char *text)
{
    if (text != NULL)
        sqlite3_bind_text(s, column, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(s, column);
}

bool kept_indexed(void)
{
    return indexed;
}

/* ---- opening ---- */

bool conversations_shared(long type)
{
    static const unsigned long kinds[] = {
        0x6969,     /* NFS */
        0x517b,     /* SMB */
        0xff534d42, /* CIFS */
        0xfe534d42, /* SMB 2 */
        0x65735546, /* FUSE: sshfs and others */
        0x5346414f, /* AFS */
        0x01021997, /* 9P */
        0x00c36400, /* Ceph */
        0x0bd00bd0, /* Lustre */
        0x47504653, /* GPFS */
        0x19830326, /* BeeGFS */
    };
    size_t i;

    for (i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (((unsigned long)type & 0xffffffff) == kinds[i])
            return true;
    return false;
}

void conversations_limit(int pages)
{
    char sql[64];

    page_limit = pages;
    pthread_mutex_lock(&lock);
    if (file != NULL) {
        snprintf(sql, sizeof sql, "PRAGMA max_page_count=%d", pages > 0 ? pages : 1073741823);
        sqlite3_exec(file, sql, NULL, NULL, NULL);
    }
    pthread_mutex_unlock(&lock);
}

static int number(sqlite3 *db, const char *pragma)
{
    sqlite3_stmt *s = NULL;
    int n = -1;

    if (sqlite3_prepare_v2(db, pragma, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        n = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return n;
}

/* Tables of a new file; another program may make them at the same time. */
static spn_status make_tables(sqlite3 *db, struct spn_err *err)
{
    char set[96];
    spn_status st = kept_run(db, "BEGIN IMMEDIATE", err);

    if (st != SPN_OK)
        return st;
    if (number(db, "PRAGMA user_version") == 0) {
        snprintf(set, sizeof set, "PRAGMA user_version=%d; PRAGMA application_id=%d", VERSION,
                 APPLICATION);
        st = kept_run(db, schema, err);
        if (st == SPN_OK)
            sqlite3_exec(db, word_index, NULL, NULL, NULL); /* without it the search is slower */
        if (st == SPN_OK)
            st = kept_run(db, set, err);
    }
    return kept_commit(db, st, err);
}

/* What was removed long ago goes; what a killed program left behind can be found. */
static void tidy(sqlite3 *db)
{
    char sql[160];

    snprintf(sql, sizeof sql,
             "DELETE FROM words WHERE rowid IN (SELECT turn.id FROM turn JOIN chat ON chat.id ="
             " turn.chat WHERE removed > 0 AND removed < strftime('%%s') - %d)",
             REMOVED_KEPT);
    if (indexed)
        sqlite3_exec(db, sql, NULL, NULL, NULL);
    snprintf(sql, sizeof sql,
             "DELETE FROM chat WHERE removed > 0 AND removed < strftime('%%s') - %d", REMOVED_KEPT);
    sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (indexed)
        sqlite3_exec(db,
                     "INSERT INTO words(rowid, text) SELECT id, text FROM turn WHERE state = 0 AND"
                     " id NOT IN (SELECT rowid FROM words)",
                     NULL, NULL, NULL);
}

static spn_status set_up(sqlite3 *db, const char *path, bool writable, struct spn_err *err)
{
    struct statfs where;
    bool shared = statfs(path, &where) == 0 && conversations_shared((long)where.f_type);
    int version;
    spn_status st = SPN_OK;

    sqlite3_busy_timeout(db, BUSY_MS);
    if (writable)
        st = kept_run(db, shared ? "PRAGMA journal_mode=DELETE" : "PRAGMA journal_mode=WAL", err);
    if (st == SPN_OK)
        st = kept_run(db,
                      "PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON;"
                      "PRAGMA cache_size=-2000",
                      err);
    if (st == SPN_OK && writable)
        st = make_tables(db, err);
    if (st != SPN_OK)
        return st;
    version = number(db, "PRAGMA user_version");
    if (version > VERSION)
        return spn_fail(err, SPN_EIO,
                        "%s: written by a newer spinney (form %d, this one knows up to %d)", path,
                        version, VERSION);
    indexed = number(db, "SELECT count(*) FROM sqlite_master WHERE name = 'words'") == 1;
    if (writable)
        tidy(db);
    return SPN_OK;
}

/* Only the user may read what he says: the file is made before SQLite, which gives its helpers the
   same mode. */
static spn_status make_file(const char *path, struct spn_err *err)
{
    mode_t before = umask(077);
    spn_status st = spn_make_dirs(paths()->data_home, err);
    int fd = st == SPN_OK ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;

    umask(before);
    if (st != SPN_OK)
        return st;
    if (fd < 0)
        return spn_fail(err, SPN_EIO, "%s: %s", path, strerror(errno));
    close(fd);
    return SPN_OK;
}

/* An address of PATH for reading alone, whatever its letters. */
static spn_status open_still(sqlite3 **db, const char *path, struct spn_err *err)
{
    struct spn_buf uri = SPN_BUF_INIT(1 << 16);
    const char *p;
    int failed;

    spn_buf_puts(&uri, "file:");
    for (p = path; *p != '\0'; p++)
        if (*p == '?' || *p == '#' || *p == '%')
            spn_buf_printf(&uri, "%%%02x", (unsigned char)*p);
        else
            spn_buf_add(&uri, p, 1);
    spn_buf_puts(&uri, "?immutable=1");
    failed = uri.failed
                 ? SQLITE_NOMEM
                 : sqlite3_open_v2(uri.data, db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    spn_buf_free(&uri);
    return failed == SQLITE_OK ? SPN_OK : kept_failed(*db, err);
}

static spn_status open_file(struct spn_err *err)
{
    char *path = store_path();
    struct spn_err why = SPN_ERR_INIT;
    sqlite3 *db = NULL;
    spn_status st;

    if (path == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "conversations: no home folder is known");
    st = make_file(path, &why);
    if (st == SPN_OK && sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        st = kept_failed(db, &why);
    if (st == SPN_OK)
        st = set_up(db, path, true, &why);
    if (st != SPN_OK && access(path, R_OK) == 0 && access(path, W_OK) != 0) {
        /* A home that cannot be written: what was kept can still be read. */
        sqlite3_close(db);
        db = NULL;
        st = open_still(&db, path, &why);
        if (st == SPN_OK)
            st = set_up(db, path, false, &why);
    }
    spn_free(path);
    if (st != SPN_OK) {
        sqlite3_close(db);
        if (err != NULL)
            *err = why;
        return st;
    }
    file = db;
    return SPN_OK;
}

spn_status kept_enter(sqlite3 **db, struct spn_err *err)
{
    spn_status st = SPN_OK;

    pthread_mutex_lock(&lock);
    if (file == NULL)
        st = open_file(err);
    if (st == SPN_OK && page_limit > 0) {
        char sql[64];

        snprintf(sql, sizeof sql, "PRAGMA max_page_count=%d", page_limit);
        sqlite3_exec(file, sql, NULL, NULL, NULL);
    }
    *db = file;
    return st;
}

void kept_leave(void)
{
    pthread_mutex_unlock(&lock);
}

void conversations_end(void)
{
    pthread_mutex_lock(&lock);
    sqlite3_close(file);
    file = NULL;
    pthread_mutex_unlock(&lock);
}

bool conversations_state(struct spn_buf *text)
{
    struct spn_err why = SPN_ERR_INIT;
    char *path = store_path();
    sqlite3 *db = NULL;
    bool there = path != NULL && spn_path_exists(path), good = true;

    if (path == NULL) {
        spn_buf_puts(text, "not kept: no home folder is known");
        good = false;
    } else if (!there) {
        spn_buf_printf(text, "%s, made with the first one", path);
    } else {
        good = kept_enter(&db, &why) == SPN_OK;
        if (good)
            spn_buf_printf(text, "%d in %s",
                           number(db, "SELECT count(*) FROM chat WHERE removed = 0"), path);
        else
            spn_buf_puts(text, why.text);
        kept_leave();
    }
    spn_free(path);
    return good;
}
