/* stories.h - the templates that word problems are drawn from, as data. */
#ifndef WORDS_STORIES_H
#define WORDS_STORIES_H
#include <stddef.h>

#include "problem.h"

#define STORY_WORDINGS 3

struct story_range {
    int lo, hi;
};
struct story_step {
    const char *label;
    char a, op, b;     /* operands: 'A'… a number of the story, '1'… the result of a step */
};
/* In a wording: {A}… the numbers, {n} {m} two names, {x} {y} two kinds of things. */
struct story {
    const char *wording[STORY_WORDINGS];
    struct story_range range[PROBLEM_NUMBERS]; /* ends with hi 0 */
    struct story_step step[PROBLEM_STEPS];     /* ends with a NULL label */
};
extern const struct story stories[];
extern const size_t n_stories;
/* Things to count, names that people have, and pieces of invented names. */
extern const char *const story_things[], *const story_names[], *const story_syllables[];
extern const size_t n_story_things, n_story_names, n_story_syllables;

#endif
