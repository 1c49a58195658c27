/* stream.h - the .spx container of one packed step: four streams side by side, in checked chunks.
 *
 *   "SPNEXCP1", u32 0x01020304, u32 coder, i64 step, i64 before, u64 parameters,
 *   f64 alpha, f64 beta, u32 bits of R, E1, E2, u32 flags, u32 CRC-32C of all before
 *   chunks: u32 stream, u32 bytes, u32 CRC-32C of the bytes, the bytes
 *   a last chunk of stream 4, without bytes, which ends the file
 *
 * Numbers stand in the writer's byte order.  Stream 0 is the table (table.h), never coded; 1 to 3
 * are the indices of R, E1 and E2 over all parameters, each one run of the coder, so that what is
 * alike stands together and neither side has to hold more than a chunk.  With coder 2 (range.h)
 * stream 1 holds all three parts: of each parameter its blocks, each a u32 count of bytes and them;
 * only parameters that stand as they are use the other streams.
 */
#ifndef EXCP_STREAM_H
#define EXCP_STREAM_H
#include "method.h"
#include "spinney/codec.h"

enum excp_coder_kind { EXCP_PLAIN, EXCP_LZMA, EXCP_RANGE };
enum { EXCP_TABLE, EXCP_STREAMS = 1 + EXCP_PARTS, EXCP_END = EXCP_STREAMS };

struct excp_head {
    struct excp_rule rule;
    enum excp_coder_kind coder;
    int64_t step, before; /* BEFORE -1: a key frame, all numbers as they are */
    uint64_t n;
};

/* CRC-32C (Castagnoli, reflected 0x82f63b78) of N more bytes, begin with CRC 0. */
uint32_t excp_crc(uint32_t crc, const void *bytes, size_t n);

/* Has this build the coder KIND? */
bool excp_coder_there(enum excp_coder_kind kind);

/* ---- writing ---- */
struct excp_writer;
spn_status excp_writer_new(struct excp_writer **out, const struct excp_head *head,
                           const struct spn_codec_sink *sink, struct spn_err *err);
/* Bytes of one stream, coded into memory; different streams at once from different threads. The
   sink is not touched. */
spn_status excp_writer_add(struct excp_writer *w, int stream, const void *bytes, size_t n,
                           struct spn_err *err);
/* Streams of which enough was coded go to the sink. */
spn_status excp_writer_flush(struct excp_writer *w, struct spn_err *err);
/* BYTES of STREAM to the sink at once, never coded: the table, and key frames. */
spn_status excp_writer_plain(struct excp_writer *w, int stream, const void *bytes, size_t n,
                             struct spn_err *err);
spn_status excp_writer_end(struct excp_writer *w, struct spn_err *err);
uint64_t excp_writer_bytes(const struct excp_writer *w); /* that the sink got */
void excp_writer_free(struct excp_writer *w);            /* NULL is fine */

/* ---- reading ---- */
struct excp_reader;
/* Checks the head. PACKED outlives the reader. */
spn_status excp_reader_new(struct excp_reader **out, struct excp_head *head,
                           const struct spn_codec_packed *packed, struct spn_err *err);
/* The next N bytes of STREAM. SPN_EFORMAT: they are not there. */
spn_status excp_reader_get(struct excp_reader *r, int stream, void *bytes, size_t n,
                           struct spn_err *err);
/* Nothing is left in any stream. */
spn_status excp_reader_end(struct excp_reader *r, struct spn_err *err);
void excp_reader_free(struct excp_reader *r); /* NULL is fine */
/* Head, every chunk's checksum, the end. */
spn_status excp_check(const struct spn_codec_packed *packed, struct excp_head *head,
                      struct spn_err *err);

#endif
