/* guard.h - a crash says which plugin was running; it still ends the program by its signal. */
#ifndef APP_HOST_GUARD_H
#define APP_HOST_GUARD_H

void guard_install(void);
/* Before the words of a crash, RESTORE puts the terminal back; it may use write() alone. */
void guard_restore(void (*restore)(void));

#endif
