/* clipboard.h - what `y` took, to the clipboard of who sits at the terminal. */
#ifndef APP_SCREEN_CLIPBOARD_H
#define APP_SCREEN_CLIPBOARD_H
#include "screen/term.h"
#include "screen/ui.h"

/* By tmux inside it, else OSC 52; over 50 kB a file. A message says which. */
void clipboard_give(struct ui *ui, struct term *t);

#endif
