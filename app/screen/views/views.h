/* views.h - the screens of the program itself; one file each, one line in the table of views.c. */
#ifndef APP_SCREEN_VIEWS_H
#define APP_SCREEN_VIEWS_H
#include "screen/ui.h"

extern const struct spn_view view_doctor, view_jobs, view_messages, view_models, view_papers,
    view_pictures, view_plugins, view_settings, view_start;

#endif
