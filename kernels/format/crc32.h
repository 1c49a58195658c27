/* crc32.h - private: the checksum of zip archives. */
#ifndef SPN_CRC32_H
#define SPN_CRC32_H
#include <stddef.h>
#include <stdint.h>

/* CRC-32 (reflected, polynomial 0xedb88320) of N more bytes; begin with CRC 0. */
uint32_t k_crc32(uint32_t crc, const void *bytes, size_t n);

#endif
