/* picture_batch.h - pictures of commands: a page of cells, printed with its pictures. */
#ifndef APP_SCREEN_PICTURE_BATCH_H
#define APP_SCREEN_PICTURE_BATCH_H
#include "base/buf.h"
#include "screen/picture.h"
#include "screen/picture_way.h"
#include "spinney/picture.h"

extern const struct spn_picture_api table_picture;

/* A page: cells, and a service that keeps what is drawn into them. */
struct picture_page {
    struct cells cells;
    struct picture_plan plan;
    bool true_colour;
    int colours; /* of text; 0: none */
    struct picture_service service;
    struct picture_on_page *on; /* in the order drawn */
    int n;
    spn_status st; /* of the first picture that could not be made */
    struct spn_err why;
};
spn_status picture_page_open(struct picture_page *p, int rows, int columns,
                             const struct picture_plan *plan, struct spn_err *err);
void picture_page_close(struct picture_page *p);
/* Lines of text with colours, then the pictures over them; the cursor ends below. */
spn_status picture_page_print(struct picture_page *p, struct spn_buf *out, struct spn_err *err);

#endif
