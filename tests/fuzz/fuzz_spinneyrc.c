/* fuzz_spinneyrc.c - the user's settings, and the options that they set. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "host/settings.h"

static const struct spn_option common[] = {
    { "threads", SPN_OPT_INT, .lo = 1, .hi = 64, .dflt.i = 1, .help = "threads" },
    { "quiet", SPN_OPT_FLAG, .help = "say nothing" },
    { 0 }
};
static const struct spn_option model[] = {
    { "model", SPN_OPT_STRING, .help = "a model" },
    { 0 }
};
static const struct spn_option command[] = {
    { "threads", SPN_OPT_INT, .lo = 1, .hi = 64, .dflt.i = 1, .help = "threads" },
    { "quiet", SPN_OPT_FLAG, .help = "say nothing" },
    { "model", SPN_OPT_STRING, .help = "a model" },
    { "part", SPN_OPT_FLOAT, .lo = 0, .hi = 1, .help = "a number" },
    { "decide", SPN_OPT_CHOICE, .choices = "vote score", .dflt.s = "vote", .help = "one of two" },
    { "note", SPN_OPT_STRING, .many = true, .help = "a text" },
    { 0 }
};

/* What is read is asked for again: a key's last value counts. */
static void look(void)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_values *v = spn_values_new(command);
    const char *key, *value;

    for (size_t i = 0; (key = settings_at(i, &value)) != NULL; i++)
        if (settings_get(key) == NULL)
            __builtin_trap();
    if (v != NULL && settings_apply(v, "fot", &err) == SPN_OK)
        settings_apply_common(v, common, model, &err);
    spn_values_free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spn_err err = SPN_ERR_INIT;
    char path[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    if (fd < 0)
        return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (write(fd, data, size) == (ssize_t)size) {
        settings_load_from(path, &err);
        look(); /* a file with a wrong line gives what stands before it */
        settings_end();
    }
    close(fd);
    return 0;
}
