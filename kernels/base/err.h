/* err.h - status codes and error sentences.  Nothing below app/ prints or exits. */
#ifndef SPN_ERR_H
#define SPN_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

typedef int spn_status;

/* Each code has one exit status (spn_exit_code). */
enum {
    SPN_OK = 0,
    SPN_ENO = -1,       /* the work ran and the answer is no       exit 1 */
    SPN_EUSAGE = -2,    /* wrong option, name or argument          exit 2 */
    SPN_EFORMAT = -3,   /* an input file or text is wrong          exit 3 */
    SPN_ENOMEM = -4,    /* not enough memory or device             exit 4 */
    SPN_EIO = -5,       /* reading, writing or an engine failed    exit 5 */
    SPN_ECANCEL = -6,   /* stopped by the user                     exit 130 */
    SPN_ENOTFOUND = -7, /* no such file, model, plugin or key      exit 3 */
    SPN_EINTERNAL = -8  /* our own mistake                         exit 5 */
};

/* One sentence of what went wrong, `PLACE: what, with numbers`, and where one exists a cure: a
 * command to try. */
struct spn_err {
    spn_status code;
    char text[1024];
    char cure[512];
};
#define SPN_ERR_INIT   \
    {                  \
        SPN_OK, "", "" \
    }

#if defined(__GNUC__)
#define SPN_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define SPN_PRINTF(f, a)
#endif

/* Fill ERR (may be NULL) and return CODE, so that `return spn_fail(err, …)` is the usual exit. */
spn_status spn_fail(struct spn_err *err, spn_status code, const char *fmt, ...) SPN_PRINTF(3, 4);
/* Add the second line, `try: …`, and return the code already in ERR. */
spn_status spn_cure(struct spn_err *err, const char *fmt, ...) SPN_PRINTF(2, 3);
int spn_exit_code(spn_status st);

#ifdef __cplusplus
}
#endif
#endif
