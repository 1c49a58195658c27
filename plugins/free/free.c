/* free.c - task `free`: open questions, whose answers are prose. */
#include "config.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "spinney/plugin.h"

#define ALIKE 0.9 /* of two answers that say the same (the digest's figure) */

static spn_status start(const char *question, char **state, struct spn_err *err)
{
    *state = spn_strdup(question);
    return *state != NULL ? SPN_OK : spn_fail(err, SPN_ENOMEM, "free: no memory for a question");
}

static char *solve_prompt(const char *question)
{
    return spn_strdup(question);
}

/* The reply without blanks around it; NULL: nothing is left. */
static char *extract(const char *reply)
{
    size_t n;

    while (isspace((unsigned char)*reply))
        reply++;
    n = strlen(reply);
    while (n > 0 && isspace((unsigned char)reply[n - 1]))
        n--;
    return n > 0 ? spn_strndup(reply, n) : NULL;
}

/* The truth is not known here. */
static int check(const char *question, const char *answer)
{
    (void)question;
    (void)answer;
    return -1;
}

static const struct spn_task task = {
    .summary = "open questions; answers that say the same vote together",
    .start = start,
    .solve_prompt = solve_prompt,
    .extract = extract,
    .check = check,
    .prompts = "free",
    .alike = ALIKE,
};

static spn_status declare(const struct spn_host *host, struct spn_err *err)
{
    const struct spn_registry_api *registry = host->query("registry", 1);

    if (registry == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "free: this host has no table \"registry\" 1");
    return registry->add(host, SPN_POINT_TASK, "free", &task, err);
}

static spn_status selftest(const struct spn_host *host, struct spn_err *err)
{
    char *answer = extract("  yes, it is \n");
    bool good = answer != NULL && strcmp(answer, "yes, it is") == 0 && extract(" \n") == NULL;

    (void)host;
    spn_free(answer);
    return good ? SPN_OK : spn_fail(err, SPN_ENO, "free: answers are misread");
}

SPN_PLUGIN(free) = {
    SPN_PLUGIN_HEAD,
    .name = "free",
    .summary = "open questions as a task: any reply is an answer, votes go by likeness",
    .papers = "",
    .needs = "",
    .points = SPN_HAS(SPN_POINT_TASK),
    .declare = declare,
    .selftest = selftest,
};
