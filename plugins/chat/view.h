/* view.h - the chat screen. */
#ifndef CHAT_VIEW_H
#define CHAT_VIEW_H
#include "spinney/view.h"

extern const struct spn_view chat_view;

#endif
