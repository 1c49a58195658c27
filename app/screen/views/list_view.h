/* list_view.h - a screen that shows the records of a batch command: a list beside a detail. */
#ifndef APP_SCREEN_LIST_VIEW_H
#define APP_SCREEN_LIST_VIEW_H
#include "screen/ui.h"

#define LIST_FIELDS_MAX 12
struct list_field {
    const char *key;   /* of the record */
    const char *title; /* of the column */
    int width, rank;
    bool right;
};
struct list_spec {
    const char *const *argv; /* the command */
    int argc;
    struct list_field field[LIST_FIELDS_MAX]; /* ends with key NULL */
    const char *group; /* records of one value of this key stand together under it; NULL: none */
    const char *id;    /* key that names a record */
    /* How a record looks; NULL members: plain. */
    char (*glyph)(const json_t *record);
    enum spn_style (*style)(const json_t *record, int field);
    /* The detail pane: its title and Markdown. */
    void (*detail)(const json_t *record, struct spn_buf *title, struct spn_buf *text);
    /* More records of the screen itself, before the others are shown. */
    void (*more)(struct spn_screen *s, json_t *records);
    /* Row 1 once all is there. */
    void (*state)(const json_t *records, struct spn_buf *out);
};
struct list_view;
spn_status list_open(const struct list_spec *spec, struct spn_screen *s, int argc, char **argv,
                     void **out, struct spn_err *err);
void list_close(void *view);
void list_chosen(void *view, struct spn_pane *p, uint64_t id);
void list_command(void *view, struct spn_buf *out);
void list_again(struct list_view *v);                 /* run the command again */
const json_t *list_record(const struct list_view *v); /* the chosen one; NULL: none */
struct spn_screen *list_screen(const struct list_view *v);

#endif
