/* plugins.h - plugin files: found, checked, declared, refused with a reason, closed. Main thread
 * only (libltdl). */
#ifndef APP_HOST_PLUGINS_H
#define APP_HOST_PLUGINS_H
#include <stdbool.h>
#include <stddef.h>
#include "spinney/plugin.h"

struct plugin {
    char name[64];          /* base name of its file */
    char *path;             /* the file as found; "NAME (linked in)" of a static build */
    struct spn_plugin desc; /* a copy: a shorter descriptor's missing tail is zero */
    struct spn_host host;
    void *handle; /* lt_dlhandle; NULL once closed */
    bool loaded;
    char why_not[1024]; /* why it is not loaded; "" when it is */
    spn_status refused; /* the code of why_not */
};

/* Search the folders (those of --plugin-dir first, then the environment's, the user's, ours) and
   load what is there. A plugin that is refused is kept with its reason and does not fail the call.
 */
spn_status plugins_start(const char *const *dirs, size_t n_dirs, struct spn_err *err);
size_t plugins_count(void);
const struct plugin *plugins_at(size_t i);           /* in the order found */
const struct plugin *plugins_find(const char *name); /* a loaded one; NULL: none */
/* Remove what NAME registered and close it. SPN_EUSAGE with the holders' names while something of
 * it is held. */
spn_status plugins_unload(const char *name, struct spn_err *err);
/* HOLDER uses something of the plugin NAME until plugins_release; for jobs. */
void plugins_hold(const char *name, const char *holder);
void plugins_release(const char *name, const char *holder);
/* Sweep and close all; KEEP leaves the code mapped, so that leak checkers can name it. */
void plugins_end(bool keep);
/* The file of P that holds its code, for a fingerprint; free with spn_free. */
char *plugins_code_file(const struct plugin *p);

/* Which plugin is running now, for a crash report; plugins_enter returns the one before. */
const char *plugins_enter(const char *name);
void plugins_leave(const char *before);
const char *plugins_running(void);

/* ---- inside the loader (plugin_check.c) ---- */
/* Compare the head of the descriptor at DATA and copy it to P->desc, then what follows it. The
 * first mismatch is the sentence. */
spn_status plugin_check(struct plugin *p, const void *data, struct spn_err *err);

#endif
