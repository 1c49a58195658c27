#include "config.h"

#include "host/guard.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "host/plugins.h"

static void (*put_back)(void);

void guard_restore(void (*restore)(void))
{
    put_back = restore;
}

#ifndef SPN_SANITIZED
/* Only write() from here on. */
static void put(const char *s)
{
    ssize_t n = write(2, s, strlen(s));

    (void)n;
}

static void on_crash(int number)
{
    const char *who = plugins_running();

    if (put_back != NULL)
        put_back();
    put("spinney: ");
    put(who != NULL ? who : "the program");
    put(number == SIGSEGV   ? ": crashed (SIGSEGV)"
        : number == SIGABRT ? ": aborted (SIGABRT)"
        : number == SIGFPE  ? ": crashed (SIGFPE)"
                            : ": crashed (SIGILL)");
    put(", spinney " PACKAGE_VERSION "\n");
    signal(number, SIG_DFL);
    raise(number);
}
#endif

#ifdef SPN_SANITIZED
void __sanitizer_set_death_callback(void (*callback)(void)); /* of the sanitizers' common runtime */

static void on_death(void)
{
    if (put_back != NULL)
        put_back();
}
#endif

void guard_install(void)
{
#ifdef SPN_SANITIZED /* a sanitizer has handlers of its own, and says more */
    __sanitizer_set_death_callback(on_death);
#else
    static const int signals[] = { SIGSEGV, SIGABRT, SIGFPE, SIGILL };
    struct sigaction a = { .sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND };
    size_t i;

    sigemptyset(&a.sa_mask);
    for (i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &a, NULL);
#endif
}
