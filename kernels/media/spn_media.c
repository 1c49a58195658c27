/* spn_media.c - the module that links libavformat, libavcodec and libswscale, so that nothing else
 * does.  One decoder a kind; still pictures go to it whole, so no demuxer sees them. */
#include "config.h"

#include "media/spn_media.h"

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <libavutil/mem.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#define SIDE_MAX 65500 /* pixels of a side: libswscale keeps products in an int */

static const struct kind {
    const char *name, *demuxer; /* demuxer NULL: the file is one packet */
    enum AVCodecID codec;
} kinds[] = {
    { "jpeg", NULL, AV_CODEC_ID_MJPEG }, { "png", NULL, AV_CODEC_ID_PNG },
    { "webp", NULL, AV_CODEC_ID_WEBP },  { "bmp", NULL, AV_CODEC_ID_BMP },
    { "tiff", NULL, AV_CODEC_ID_TIFF },  { "pbm", NULL, AV_CODEC_ID_PBM },
    { "pgm", NULL, AV_CODEC_ID_PGM },    { "ppm", NULL, AV_CODEC_ID_PPM },
    { "pam", NULL, AV_CODEC_ID_PAM },    { "gif", "gif", AV_CODEC_ID_GIF },
    { "avif", "mov", AV_CODEC_ID_AV1 },
};

struct bytes { /* a file in memory, read by a demuxer */
    const uint8_t *data;
    int64_t size, at;
};

struct why {
    char *text;
    size_t room;
};

static spn_status say(const struct why *w, spn_status st, const char *fmt, ...) SPN_PRINTF(3, 4);
static spn_status say(const struct why *w, spn_status st, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(w->text, w->room, fmt, ap);
    va_end(ap);
    return st;
}

/* libav's own words for its error. */
static spn_status say_av(const struct why *w, int code)
{
    char text[128] = "";

    av_strerror(code, text, sizeof text);
    return say(w, code == AVERROR(ENOMEM) ? SPN_ENOMEM : SPN_EFORMAT, "%s", text);
}

static void start(char *name, uint32_t room)
{
    unsigned v = avcodec_version();

    av_log_set_level(AV_LOG_QUIET);
    snprintf(name, room, "libavcodec %u.%u.%u", v >> 16, v >> 8 & 255, v & 255);
}

static int read_bytes(void *ctx, uint8_t *out, int n)
{
    struct bytes *b = ctx;
    int64_t left = b->size - b->at;

    if (left <= 0)
        return AVERROR_EOF;
    if (n > left)
        n = (int)left;
    memcpy(out, b->data + b->at, (size_t)n);
    b->at += n;
    return n;
}

static int64_t seek_bytes(void *ctx, int64_t offset, int whence)
{
    struct bytes *b = ctx;
    int64_t to;

    switch (whence & ~AVSEEK_FORCE) {
    case AVSEEK_SIZE:
        return b->size;
    case SEEK_SET:
        to = offset;
        break;
    case SEEK_CUR:
        to = offset <= b->size ? b->at + offset : -1;
        break;
    case SEEK_END:
        to = offset <= 0 ? b->size + offset : -1;
        break;
    default:
        return AVERROR(EINVAL);
    }
    if (to < 0 || to > b->size)
        return AVERROR(EINVAL);
    return b->at = to;
}

static spn_status open_codec(AVCodecContext **out, const struct kind *k,
                             const AVCodecParameters *par, uint64_t max_pixels, const struct why *w)
{
    const AVCodec *codec = avcodec_find_decoder(par != NULL ? par->codec_id : k->codec);
    AVCodecContext *c;
    int rc;

    if (codec == NULL)
        return say(w, SPN_EFORMAT, "this libavcodec decodes no %s", k->name);
    c = avcodec_alloc_context3(codec);
    if (c == NULL)
        return say(w, SPN_ENOMEM, "no memory for a decoder");
    if (par != NULL && (rc = avcodec_parameters_to_context(c, par)) < 0) {
        avcodec_free_context(&c);
        return say_av(w, rc);
    }
    c->max_pixels = max_pixels > INT64_MAX ? INT64_MAX : (int64_t)max_pixels;
    c->thread_count = 1;
    c->err_recognition = AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER | AV_EF_EXPLODE;
    rc = avcodec_open2(c, codec, NULL);
    if (rc < 0) {
        avcodec_free_context(&c);
        return say_av(w, rc);
    }
    *out = c;
    return SPN_OK;
}

/* One packet in, or (NULL) the end: 1 a frame, 0 none yet. */
static int try_frame(AVCodecContext *c, const AVPacket *packet, AVFrame *frame)
{
    int rc = avcodec_send_packet(c, packet);

    if (rc < 0 && rc != AVERROR(EAGAIN) && rc != AVERROR_EOF)
        return rc;
    rc = avcodec_receive_frame(c, frame);
    if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF)
        return 0;
    return rc < 0 ? rc : 1;
}

static spn_status whole(AVCodecContext *c, AVFrame *frame, const uint8_t *bytes, size_t n,
                        const struct why *w)
{
    AVPacket *packet = av_packet_alloc();
    int rc;

    if (packet == NULL || av_new_packet(packet, (int)n) < 0) {
        av_packet_free(&packet);
        return say(w, SPN_ENOMEM, "no memory for %zu bytes", n);
    }
    memcpy(packet->data, bytes, n);
    rc = try_frame(c, packet, frame);
    if (rc == 0)
        rc = try_frame(c, NULL, frame);
    av_packet_free(&packet);
    if (rc < 0)
        return say_av(w, rc);
    return rc == 1 ? SPN_OK : say(w, SPN_EFORMAT, "it ends before the first picture");
}

/* The first frame of the first video stream of F. */
static spn_status first_frame(AVFormatContext *f, const struct kind *k, AVFrame *frame,
                              uint64_t max_pixels, const struct why *w)
{
    AVCodecContext *c = NULL;
    AVPacket *packet = av_packet_alloc();
    int at = -1, rc = 0;
    spn_status st = SPN_OK;

    for (unsigned i = 0; i < f->nb_streams && at < 0; i++)
        if (f->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
            f->streams[i]->codecpar->codec_id == k->codec)
            at = (int)i;
    if (packet == NULL)
        st = say(w, SPN_ENOMEM, "no memory for a packet");
    else if (at < 0)
        st = say(w, SPN_EFORMAT, "there is no %s picture in it", k->name);
    else
        st = open_codec(&c, k, f->streams[at]->codecpar, max_pixels, w);
    while (st == SPN_OK && rc == 0) {
        rc = av_read_frame(f, packet);
        if (rc == AVERROR_EOF) {
            rc = try_frame(c, NULL, frame);
            if (rc == 0)
                st = say(w, SPN_EFORMAT, "it ends before the first picture");
        } else if (rc >= 0 && packet->stream_index == at) {
            rc = try_frame(c, packet, frame);
        }
        av_packet_unref(packet);
    }
    if (st == SPN_OK && rc < 0)
        st = say_av(w, rc);
    av_packet_free(&packet);
    avcodec_free_context(&c);
    return st;
}

static spn_status by_demuxer(AVFrame *frame, const struct kind *k, const uint8_t *bytes, size_t n,
                             uint64_t max_pixels, const struct why *w)
{
    struct bytes b = { bytes, (int64_t)n, 0 };
    const AVInputFormat *format = av_find_input_format(k->demuxer);
    AVFormatContext *f = avformat_alloc_context();
    uint8_t *room = av_malloc(1 << 16);
    AVIOContext *io = room == NULL
                          ? NULL
                          : avio_alloc_context(room, 1 << 16, 0, &b, read_bytes, NULL, seek_bytes);
    spn_status st;
    int rc;

    if (f == NULL || io == NULL) {
        st = say(w, SPN_ENOMEM, "no memory for a demuxer");
    } else {
        f->pb = io;
        f->flags |= AVFMT_FLAG_CUSTOM_IO;
        /* No file or address that the picture may name is opened. */
        f->protocol_whitelist = av_strdup("none");
        f->max_streams = 16;
        rc = avformat_open_input(&f, NULL, format, NULL);
        st = rc < 0 ? say_av(w, rc) : first_frame(f, k, frame, max_pixels, w);
    }
    avformat_close_input(&f);
    if (io != NULL)
        room = io->buffer;
    avio_context_free(&io);
    av_free(room);
    return st;
}

static spn_status take_indices(struct spn_media_picture *p, const AVFrame *f, const struct why *w)
{
    uint8_t *to;

    if (f->format != AV_PIX_FMT_PAL8 && f->format != AV_PIX_FMT_GRAY8)
        return say(w, SPN_EFORMAT, "its pixels are %s, neither palette indices nor 8-bit grey",
                   av_get_pix_fmt_name(f->format));
    to = p->take(p->ctx, f->width, f->height, 1);
    if (to == NULL)
        return say(w, SPN_ENOMEM, "no memory for %d x %d pixels", f->width, f->height);
    p->channels = 1;
    for (int y = 0; y < f->height; y++)
        memcpy(to + (size_t)y * (size_t)f->width, f->data[0] + (ptrdiff_t)y * f->linesize[0],
               (size_t)f->width);
    if (f->format != AV_PIX_FMT_PAL8)
        return SPN_OK;
    p->n_palette = 256;
    for (int i = 0; i < 256; i++) {
        uint32_t argb;

        memcpy(&argb, f->data[1] + 4 * i, sizeof argb);
        p->palette[i][0] = (uint8_t)(argb >> 16);
        p->palette[i][1] = (uint8_t)(argb >> 8);
        p->palette[i][2] = (uint8_t)argb;
        p->palette[i][3] = (uint8_t)(argb >> 24);
    }
    return SPN_OK;
}

static spn_status take_colours(struct spn_media_picture *p, const AVFrame *f, const struct why *w)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(f->format);
    bool alpha =
        d != NULL && ((d->flags & AV_PIX_FMT_FLAG_ALPHA) != 0 || f->format == AV_PIX_FMT_PAL8);
    int channels = alpha ? 4 : 3;
    const int *matrix =
        sws_getCoefficients(f->colorspace == AVCOL_SPC_BT709        ? SWS_CS_ITU709
                            : f->colorspace == AVCOL_SPC_BT2020_NCL ? SWS_CS_BT2020
                                                                    : SWS_CS_ITU601);
    int full = f->color_range == AVCOL_RANGE_JPEG;
    struct SwsContext *s;
    uint8_t *to;
    int line = 0;

    s = sws_getContext(f->width, f->height, f->format, f->width, f->height,
                       alpha ? AV_PIX_FMT_RGBA : AV_PIX_FMT_RGB24,
                       SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP,
                       NULL, NULL, NULL);
    if (s == NULL)
        return say(w, SPN_EFORMAT, "libswscale turns no %s into colours",
                   d != NULL ? d->name : "unknown pixels");
    to = p->take(p->ctx, f->width, f->height, channels);
    if (to == NULL) {
        sws_freeContext(s);
        return say(w, SPN_ENOMEM, "no memory for %d x %d pixels", f->width, f->height);
    }
    p->channels = channels;
    sws_setColorspaceDetails(s, matrix, full, matrix, 1, 0, 1 << 16, 1 << 16);
    line = f->width * channels;
    sws_scale(s, (const uint8_t *const *)f->data, f->linesize, 0, f->height, &to, &line);
    sws_freeContext(s);
    return SPN_OK;
}

static spn_status decode(struct spn_media_picture *p, const char *kind, const uint8_t *bytes,
                         size_t n, uint64_t max_pixels, int indices, char *text, size_t room)
{
    const struct why w = { text, room };
    const struct kind *k = NULL;
    AVCodecContext *c = NULL;
    AVFrame *frame = av_frame_alloc();
    spn_status st;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, kind) == 0)
            k = &kinds[i];
    if (frame == NULL) {
        st = say(&w, SPN_ENOMEM, "no memory for a frame");
    } else if (k == NULL || n > INT_MAX - AV_INPUT_BUFFER_PADDING_SIZE) {
        st = say(&w, SPN_EFORMAT, "%s of %zu bytes is not decoded", kind, n);
    } else if (k->demuxer != NULL) {
        st = by_demuxer(frame, k, bytes, n, max_pixels, &w);
    } else {
        st = open_codec(&c, k, NULL, max_pixels, &w);
        if (st == SPN_OK)
            st = whole(c, frame, bytes, n, &w);
        avcodec_free_context(&c);
    }
    if (st == SPN_OK && (frame->decode_error_flags != 0 || (frame->flags & AV_FRAME_FLAG_CORRUPT)))
        st = say(&w, SPN_EFORMAT, "the picture is damaged or cut short");
    if (st == SPN_OK && (frame->width < 1 || frame->height < 1 || frame->width > SIDE_MAX ||
                         frame->height > SIDE_MAX))
        st = say(&w, SPN_EFORMAT, "%d x %d pixels", frame->width, frame->height);
    if (st == SPN_OK) {
        p->width = frame->width;
        p->height = frame->height;
        st = indices ? take_indices(p, frame, &w) : take_colours(p, frame, &w);
    }
    av_frame_free(&frame);
    return st;
}

static bool fill_frame(AVFrame *f, const uint8_t *pixels, int channels, const uint8_t (*palette)[3],
                       int n_palette)
{
    size_t line = (size_t)f->width * (size_t)channels;

    if (av_frame_get_buffer(f, 0) < 0)
        return false;
    for (int y = 0; y < f->height; y++)
        memcpy(f->data[0] + (ptrdiff_t)y * f->linesize[0], pixels + (size_t)y * line, line);
    for (int i = 0; f->format == AV_PIX_FMT_PAL8 && i < 256; i++) {
        uint32_t argb = 0xff000000u;

        if (i < n_palette)
            argb |= (uint32_t)palette[i][0] << 16 | (uint32_t)palette[i][1] << 8 | palette[i][2];
        memcpy(f->data[1] + 4 * i, &argb, sizeof argb);
    }
    return true;
}

static spn_status encode_png(uint8_t **out, size_t *n, const uint8_t *pixels, int width, int height,
                             int channels, const uint8_t (*palette)[3], int n_palette)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_PNG);
    AVCodecContext *c = codec != NULL ? avcodec_alloc_context3(codec) : NULL;
    AVFrame *f = av_frame_alloc();
    AVPacket *packet = av_packet_alloc();
    spn_status st = SPN_ENOMEM;

    if (c != NULL && f != NULL && packet != NULL) {
        f->width = c->width = width;
        f->height = c->height = height;
        f->format = c->pix_fmt = channels == 4   ? AV_PIX_FMT_RGBA
                                 : channels == 3 ? AV_PIX_FMT_RGB24
                                 : n_palette > 0 ? AV_PIX_FMT_PAL8
                                                 : AV_PIX_FMT_GRAY8;
        c->time_base = (AVRational){ 1, 1 };
        c->thread_count = 1;
        if (fill_frame(f, pixels, channels, palette, n_palette) &&
            avcodec_open2(c, codec, NULL) == 0 && avcodec_send_frame(c, f) == 0 &&
            avcodec_receive_packet(c, packet) == 0) {
            *out = av_memdup(packet->data, (size_t)packet->size);
            *n = (size_t)packet->size;
            st = *out != NULL ? SPN_OK : SPN_ENOMEM;
        }
    }
    av_packet_free(&packet);
    av_frame_free(&f);
    avcodec_free_context(&c);
    return st;
}

static void release(uint8_t *bytes)
{
    av_free(bytes);
}

extern const struct spn_media_module spn_media_LTX_spn_module;
const struct spn_media_module spn_media_LTX_spn_module = {
    .head = { sizeof(struct spn_media_module), SPN_MEDIA_ABI },
    .start = start,
    .decode = decode,
    .encode_png = encode_png,
    .release = release,
};
