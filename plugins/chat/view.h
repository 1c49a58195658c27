/* view.h - the screens: a chat, the list of earlier ones, words in all of them. */
#ifndef CHAT_VIEW_H
#define CHAT_VIEW_H
#include "spinney/view.h"

extern const struct spn_view chat_view, chats_view, find_view;

#endif
