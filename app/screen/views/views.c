#include "config.h"

#include "screen/views/views.h"

#include "host/registry.h"

static const struct {
    const char *name;
    const struct spn_view *view;
} views[] = {
    { "doctor", &view_doctor },   { "jobs", &view_jobs },         { "messages", &view_messages },
    { "models", &view_models },   { "papers", &view_papers },     { "pictures", &view_pictures },
    { "plugins", &view_plugins }, { "settings", &view_settings }, { "start", &view_start },
};

spn_status views_register(struct spn_err *err)
{
    spn_status st = SPN_OK;
    size_t i;

    for (i = 0; st == SPN_OK && i < sizeof views / sizeof *views; i++)
        st = registry_add("spinney", SPN_HAS(SPN_POINT_VIEW), SPN_POINT_VIEW, views[i].name,
                          views[i].view, err);
    return st;
}
