#include "config.h"

#include "host/engines.h"

const struct spn_engine_api *engines_table(void)
{
    return NULL;
}

spn_status engines_configure(const struct spn_values *v, bool quiet, struct spn_err *err)
{
    return SPN_OK;
}

void engines_end(void)
{
}
