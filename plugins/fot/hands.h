/* hands.h - hands of a CSV file for tests: the second column of each row that begins with a rank.
 */
#ifndef FOT_HANDS_H
#define FOT_HANDS_H
#include <stdio.h>
#include <string.h>

#define HANDS_MAX 128

static char hands[HANDS_MAX][32];
static int n_hands;

static int hands_read(const char *path)
{
    FILE *f = fopen(path, "r");
    char line[256];
    int n = 0;

    while (f != NULL && n < HANDS_MAX && fgets(line, sizeof line, f) != NULL) {
        char *hand = strchr(line, ','), *end = hand != NULL ? strchr(hand + 1, ',') : NULL;

        if (end == NULL || hand[1] < '0' || hand[1] > '9')
            continue;
        *end = '\0';
        snprintf(hands[n++], sizeof hands[0], "%s", hand + 1);
    }
    if (f != NULL)
        fclose(f);
    return n;
}

#endif
