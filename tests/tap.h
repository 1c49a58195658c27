/* tap.h - a test prints TAP: ok() a check, skip() what cannot run, done() at the end. Header only,
 * one per program. */
#ifndef TAP_H
#define TAP_H
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_run, tap_failed;

__attribute__((format(printf, 2, 3), unused)) static bool ok(bool pass, const char *fmt, ...)
{
    va_list ap;

    tap_run++;
    if (!pass)
        tap_failed++;
    printf("%s %d - ", pass ? "ok" : "not ok", tap_run);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
    return pass;
}

/* Compares fail on NaN. */
__attribute__((unused)) static bool ok_near(double got, double want, double tol, const char *what)
{
    return ok(fabs(got - want) <= tol, "%s: %.9g, wanted %.9g within %.3g", what, got, want, tol);
}

__attribute__((unused)) static bool ok_int(long long got, long long want, const char *what)
{
    return ok(got == want, "%s: %lld, wanted %lld", what, got, want);
}

__attribute__((unused)) static bool ok_str(const char *got, const char *want, const char *what)
{
    bool same = got != NULL && want != NULL && strcmp(got, want) == 0;

    return same ? ok(true, "%s", what)
                : ok(false, "%s: \"%s\", wanted \"%s\"", what, got ? got : "(null)",
                     want ? want : "(null)");
}

__attribute__((unused)) static void skip(const char *why)
{
    printf("ok %d # SKIP %s\n", ++tap_run, why);
}

/* The whole program is skipped. */
__attribute__((unused)) static int skip_all(const char *why)
{
    printf("1..0 # SKIP %s\n", why);
    return 0;
}

__attribute__((unused)) static int done(void)
{
    printf("1..%d\n", tap_run);
    return tap_failed != 0;
}

/* Path of NAME beside the project's test data ($SPINNEY_SHARED, else ../shared), or NULL when it is
 * not there. Static buffer. */
__attribute__((unused)) static const char *shared_path(const char *name)
{
    static char path[4096];
    const char *dir = getenv("SPINNEY_SHARED"), *src = getenv("SPINNEY_SRCDIR");
    FILE *f;

    if (dir != NULL)
        snprintf(path, sizeof path, "%s/%s", dir, name);
    else
        snprintf(path, sizeof path, "%s/../shared/%s", src ? src : ".", name);
    f = fopen(path, "rb");
    if (f == NULL)
        return NULL;
    fclose(f);
    return path;
}

#endif
