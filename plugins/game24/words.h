/* words.h - the prompts of the Game of 24: asked of any model, and what the shipped model was
 * trained on. */
#ifndef GAME24_WORDS_H
#define GAME24_WORDS_H

/* The numbers come last, so that the calls of a forest share their prefix. */
#define WORDS_PROPOSE \
    "Game of 24. List possible next steps, one a line, as a op b = c (left: numbers).\n"
#define WORDS_VALUE                                                                     \
    "Game of 24. Can these numbers reach 24? Calculate, then end with sure, likely or " \
    "impossible.\n"
#define WORDS_SOLVE                                                                             \
    "Game of 24. Use each number once to reach 24. Write the steps, then Answer: expression = " \
    "24.\n"

#endif
