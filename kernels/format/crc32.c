/* crc32.c - CRC-32, eight bytes a step: table k gives the effect of a byte k places back. */
#include "config.h"

#include "format/crc32.h"

#include <pthread.h>

#include "format/source.h"

static uint32_t table[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;

        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
        table[0][i] = c;
    }
    for (int k = 1; k < 8; k++)
        for (uint32_t i = 0; i < 256; i++)
            table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 0xff];
}

uint32_t k_crc32(uint32_t crc, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint32_t c = ~crc;

    pthread_once(&once, make_tables);
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t a = k_load_u32(p) ^ c, b = k_load_u32(p + 4);

        c = table[7][a & 0xff] ^ table[6][a >> 8 & 0xff] ^ table[5][a >> 16 & 0xff] ^
            table[4][a >> 24] ^ table[3][b & 0xff] ^ table[2][b >> 8 & 0xff] ^
            table[1][b >> 16 & 0xff] ^ table[0][b >> 24];
    }
    for (; n > 0; n--, p++)
        c = c >> 8 ^ table[0][(c ^ *p) & 0xff];
    return ~c;
}
