/* test_dialog.c - the file is read, wordings and words are filled in, bad files say where. */
#include "base/file.h"
#include "base/mem.h"
#include "tap.h"

#include "dialog.h"

static void bad(const char *path, const char *text, const char *want)
{
    struct dialog *d = NULL;
    struct spn_err err = SPN_ERR_INIT;

    spn_file_write(path, text, strlen(text), &err);
    ok(dialog_load(&d, path, &err) == SPN_EFORMAT && strstr(err.text, want) != NULL, "%s",
       err.text);
}

int main(void)
{
    static const char good[] = "# a comment\n@town Rome | Oslo\n? Where is {town}? | find "
                               "{town}\n= {town} is {far} away.\n*3\n? Hi\n? Hello\n= Hello.\n";
    char path[] = "/tmp/spinney-dialog-XXXXXX", shipped[4096];
    const char *src = getenv("SPINNEY_SRCDIR");
    struct spn_buf q = SPN_BUF_INIT(1000), a = SPN_BUF_INIT(1000);
    int rome = 0, oslo = 0, hello = 0, other = 0, capital = 0, bare = 0;
    struct spn_err err = SPN_ERR_INIT;
    struct dialog *d = NULL;
    struct spn_rng r;
    FILE *f = fdopen(mkstemp(path), "w");

    if (f == NULL)
        return skip_all("no temporary file");
    fclose(f);
    spn_file_write(path, good, strlen(good), &err);
    if (ok(dialog_load(&d, path, &err) == SPN_OK && dialog_pairs(d) == 2, "two pairs are read %s",
           err.text)) {
        spn_rng_init(&r, 1);
        for (int i = 0; i < 400; i++) {
            dialog_draw(d, &r, &q, &a);
            capital += q.data[0] == 'H' || q.data[0] == 'W' || q.data[0] == 'F';
            bare +=
                strcmp(q.data + 1, "here is Rome") == 0 || strcmp(q.data + 1, "here is Oslo") == 0;
            if (strcmp(a.data, "Rome is {far} away.") == 0 && strstr(q.data, "Rome") != NULL)
                rome++;
            else if (strcmp(a.data, "Oslo is {far} away.") == 0 && strstr(q.data, "Oslo") != NULL)
                oslo++;
            else if (strcmp(a.data, "Hello.") == 0)
                hello++;
            else
                other++;
        }
        ok(other == 0 && rome > 20 && oslo > 20 && hello > 240 && hello < 360,
           "words and weights: %d, %d, %d", rome, oslo, hello);
        ok(capital > 270 && capital < 330, "%d of 400 questions keep their capital", capital);
        ok(bare > 2 && bare < 40, "%d lost their question mark", bare);
    }
    dialog_free(d);
    spn_file_write(path, "*1\n? Hi\n= Yes.\n*1000\n? Ho\n= No.\n", 32, &err);
    ok(dialog_load(&d, path, &err) == SPN_OK, "weights from 1 to 1000 are taken %s", err.text);
    dialog_free(d);
    bad(path, "*1001\n", "is not a weight");
    bad(path, "? Who\n", "the last question has no answer");
    bad(path, "= Me\n", ":1: an answer without a question");
    bad(path, "\n\nwhat\n", ":3: a line begins with");
    bad(path, "*0\n", "is not a weight");
    bad(path, "@x\n", ":1: @name and its words");
    bad(path, "? a | | b\n= c\n", ":1: an empty wording");
    bad(path, "# nothing\n", "no questions");
    snprintf(shipped, sizeof shipped, "%s/share/recipes/talk.txt", src ? src : ".");
    ok(dialog_load(&d, shipped, &err) == SPN_OK && dialog_pairs(d) >= 20,
       "the shipped conversations load %s", err.text);
    dialog_free(d);
    spn_buf_free(&q);
    spn_buf_free(&a);
    remove(path);
    return done();
}
