/* sixel.h - a small decoder of sixel pictures, for tests: written from the format's description
 * (DEC, VT330/VT340 Graphics Programming, chapter 14), knows nothing of the encoder. */
#ifndef TEST_SIXEL_H
#define TEST_SIXEL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sixel {
    int width, height; /* of the raster attributes */
    bool keeps;        /* P2 = 1: pixels that are not set stay */
    const char *after; /* behind the string terminator */
    int used;          /* colours that were defined */
};

static int sixel_number(const char **p, const char *end)
{
    int n = 0;

    while (*p < end && **p >= '0' && **p <= '9')
        n = n < 100000 ? n * 10 + (*(*p)++ - '0') : (++*p, n);
    return n;
}

/* Decode the picture at P into OUT, whose rows have LINE pixels of 3 bytes; ROOM_WIDTH x
 * ROOM_HEIGHT are there. false: it is not well formed, or leaves the room. */
__attribute__((unused)) static bool sixel_decode(struct sixel *s, const char *p, const char *end,
                                                 uint8_t *out, int line, int room_width,
                                                 int room_height)
{
    static uint8_t colour[256][3];
    int x = 0, y = 0, now = 0, params[3] = { 0 }, n = 0, repeat;

    *s = (struct sixel){ 0 };
    if (end - p < 4 || p[0] != '\033' || p[1] != 'P')
        return false;
    for (p += 2; p < end && *p != 'q'; n++) {
        int v = sixel_number(&p, end);

        if (n < 3)
            params[n] = v;
        if (p < end && *p == ';')
            p++;
        else if (p < end && *p != 'q')
            return false;
    }
    s->keeps = params[1] == 1;
    if (p >= end)
        return false;
    for (p++; p < end && *p != '\033'; p++) {
        repeat = 1;
        if (*p == '"') {
            int v[4] = { 0 };

            for (int i = 0; i < 4; i++) {
                p++;
                v[i] = sixel_number(&p, end);
                if (i < 3 && (p >= end || *p != ';'))
                    return false;
            }
            p--;
            s->width = v[2];
            s->height = v[3];
            if (s->width > room_width || s->height > room_height)
                return false;
            continue;
        }
        if (*p == '#') {
            p++;
            now = sixel_number(&p, end);
            if (now > 255)
                return false;
            if (p < end && *p == ';') {
                int v[4];

                for (int i = 0; i < 4; i++) {
                    if (p >= end || *p != ';')
                        return false;
                    p++;
                    v[i] = sixel_number(&p, end);
                }
                if (v[0] != 2 || v[1] > 100 || v[2] > 100 || v[3] > 100)
                    return false;
                for (int i = 0; i < 3; i++)
                    colour[now][i] = (uint8_t)((v[i + 1] * 255 + 50) / 100);
                s->used++;
            }
            p--;
            continue;
        }
        if (*p == '$') {
            x = 0;
            continue;
        }
        if (*p == '-') {
            x = 0;
            y += 6;
            continue;
        }
        if (*p == '!') {
            p++;
            repeat = sixel_number(&p, end);
        }
        if (p >= end || *p < '?' || *p > '~')
            return false;
        for (; repeat > 0; repeat--, x++)
            for (int bit = 0; bit < 6; bit++) {
                if (!((*p - '?') >> bit & 1))
                    continue;
                if (x >= s->width || y + bit >= s->height)
                    return false;
                memcpy(out + 3 * ((size_t)(y + bit) * (size_t)line + (size_t)x), colour[now], 3);
            }
    }
    if (end - p < 2 || p[1] != '\\')
        return false;
    s->after = p + 2;
    return true;
}

#endif
