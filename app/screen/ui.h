/* ui.h - the screens as a whole: what is open, what has the focus, what a key does.  Knows no
 * terminal: loop.c runs it on one, script.c without. */
#ifndef APP_SCREEN_UI_H
#define APP_SCREEN_UI_H
#include <pthread.h>
#include <stdbool.h>
#include "screen/cells.h"
#include "screen/edit.h"
#include "screen/keys.h"
#include "screen/layout.h"
#include "screen/pane.h"
#include "screen/theme.h"
#include "spinney/plugin.h"

#define PANES_MAX   12
#define SCREENS_MAX 32
#define LOG_MAX     500

struct ui;
struct term;
struct pictures;

struct spn_screen {
    struct ui *ui;
    const struct spn_view *view;
    const char *name, *owner; /* of the view, of its plugin; lent from the registry */
    struct spn_host host;
    void *state;
    int argc;
    char **argv;
    char *heading, *state_text, *rule;
    struct layout layout, wide;
    bool has_wide;
    struct spn_pane pane[PANES_MAX];
    int n_panes, focus;
    bool in_line, zoomed, opened;
    char *draft; /* its line while another screen is shown */
    size_t draft_cursor;
    int jobs;         /* under way */
    int quiet_jobs;   /* and those that nobody asked for */
    int64_t timer_at; /* 0: none */
    struct spn_values *options;
};

struct log_entry {
    char *text, *cure, when[12];
    enum spn_style style;
};

enum prompt_kind { PROMPT_NONE, PROMPT_COMMAND, PROMPT_FIND, PROMPT_WRITE, PROMPT_FIELD };
enum popup_kind { POPUP_NONE, POPUP_TEXT, POPUP_ASK, POPUP_FORM, POPUP_LIST };

struct ui {
    struct term *term; /* NULL: none, cells alone */
    struct pictures *pictures; /* of the terminal; NULL: the cells draw them */
    struct cells cells;
    struct theme theme;
    struct keys keys;
    struct spn_host host; /* of the program's own views */

    struct spn_screen *screen[SCREENS_MAX]; /* open */
    int n_screens;
    struct spn_screen *visited[SCREENS_MAX]; /* the way here; the last is shown */
    int n_visited;

    bool lead; /* C-o was pressed: what follows is a place */
    bool lead_from_pane;
    int64_t lead_since;

    enum prompt_kind prompt;
    struct edit edit; /* what is typed there */
    struct spn_pane candidates;
    bool has_candidates;
    size_t complete_from; /* byte of the line that a chosen candidate replaces */

    enum popup_kind popup;
    struct spn_pane popup_pane;
    char popup_title[120];
    bool popup_yes;
    void (*answer)(void *ctx, bool yes);
    void (*pick)(void *ctx, const char *word);
    void *answer_ctx;

    char *message, *cure; /* in the line */
    enum spn_style message_style;
    int64_t message_until; /* 0: until the next key */
    struct log_entry log[LOG_MAX];
    int n_log;

    struct spn_work *work; /* list of jobs */
    int wake[2];           /* a job's thread writes, the loop reads */
    pthread_mutex_t lock;  /* of the jobs' queues */

    bool leaving, asked_to_leave, dirty, redraw, suspend, editor;
    bool mouse;
    int drag; /* split that the mouse holds, -1: none */
    int cursor_row, cursor_column;
    int64_t now_ms;
    struct layout_split split[LAYOUT_NODES_MAX];
    int n_splits;
    int main_top, main_rows;   /* where the panes lie */
    int last_row, last_column; /* of a click, for a double click */
    int64_t last_click_ms;
    struct spn_buf copied; /* what `y` took, for the terminal and :save-display */
    bool has_copied;
    char *pipe_command; /* what `w |command` asks the loop for; NULL: nothing */
    struct spn_buf pipe_text;
};

/* ---- life ---- */
spn_status ui_open(struct ui **out, int rows, int columns, struct spn_err *err);
void ui_close(struct ui *ui); /* ends jobs, closes screens */
spn_status ui_resize(struct ui *ui, int rows, int columns, struct spn_err *err);
/* Register the views of the program itself. */
spn_status views_register(struct spn_err *err);

/* ---- one turn ---- */
void ui_event(struct ui *ui, const struct event *e);
void ui_key(struct ui *ui, struct key k);
void ui_paste(struct ui *ui, const char *text, size_t n);
void ui_mouse(struct ui *ui, const struct event *e);
void ui_tick(struct ui *ui);          /* timers; jobs' messages */
int ui_wait_ms(const struct ui *ui);  /* until the next timer; -1: none */
void ui_draw(struct ui *ui);          /* fill the cells */
bool ui_working(const struct ui *ui); /* is any job under way? */
int64_t ui_clock(void);

/* ---- screens ---- */
struct spn_screen *ui_shown(const struct ui *ui);
void ui_go(struct ui *ui, const char *view, int argc, char **argv);
void ui_back(struct ui *ui);
bool ui_place(struct ui *ui, int letter);
struct spn_pane *ui_focus(struct spn_screen *s); /* NULL: the line, or no pane */
bool ui_narrow(const struct spn_screen *s);
const struct layout *ui_layout(struct spn_screen *s);
void ui_line_store(struct spn_screen *s);   /* keep its line */
void ui_line_restore(struct spn_screen *s); /* and show it again */

/* ---- what it says ---- */
void ui_say(struct ui *ui, enum spn_style style, const char *text, const char *cure);
void ui_fail(struct ui *ui, const struct spn_err *err);
void ui_ask(struct ui *ui, const char *question, void (*answer)(void *ctx, bool yes), void *ctx);
void ui_copy(struct ui *ui, const char *text, size_t n);
void ui_help(struct ui *ui);
void ui_equal(struct ui *ui);
void ui_leave(struct ui *ui);

/* ---- inside: one file each ---- */
void ui_do(struct ui *ui, const struct binding *b);    /* do.c */
void ui_do_pane(struct ui *ui, enum command c, int n); /* do.c: in the focused pane */
void ui_act(struct ui *ui, enum spn_want act, int n);  /* do.c */
void ui_send(struct ui *ui, const char *text);         /* do.c: the line was sent */
void prompt_open(struct ui *ui, enum prompt_kind kind, const char *text); /* prompt.c */
void prompt_key(struct ui *ui, struct key k);
void prompt_close(struct ui *ui);
void ui_run_pipe(struct ui *ui); /* run what pipe_command names; the terminal is left meanwhile */
void prompt_draw(struct ui *ui, struct area line);
void candidates_draw(struct ui *ui, int bottom);
void candidates_complete(struct ui *ui); /* Tab in the line */
bool candidates_take(struct ui *ui);     /* put the chosen one into the line or prompt */
void candidates_close(struct ui *ui);
void candidates_show(struct ui *ui, const char *lines, const char *typed_word);
void popup_key(struct ui *ui, struct key k); /* popup.c */
void popup_draw(struct ui *ui);
void popup_close(struct ui *ui);
void popup_pick(struct spn_screen *s, const char *title, const char *lines,
                void (*picked)(void *ctx, const char *word), void *ctx);
struct spn_pane *popup_open(struct ui *ui, enum popup_kind kind, const char *title);
bool slash_run(struct ui *ui, const char *line); /* slash.c: "name args"; false: no such command */
void slash_candidates(struct ui *ui, const char *typed);
void frame_draw(struct ui *ui); /* frame.c */
/* work.c */
void work_drain(struct ui *ui);
void work_stop(struct ui *ui, struct spn_screen *s); /* NULL: of all screens */
size_t work_list(struct ui *ui, size_t i, const struct spn_work **out, char *text, size_t room);
void work_progress_text(struct ui *ui, char *out, size_t room);
extern const struct spn_pane_api pane_table; /* table.c */

#endif
