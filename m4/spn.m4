# spn.m4 - what configure.ac asks for, one macro a topic.

# Sanitizer, coverage, fuzzing and warning switches -> SPN_CFLAGS, SPN_LDFLAGS.
AC_DEFUN([SPN_SWITCHES], [
SPN_CFLAGS="-std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wno-unused-parameter"
# Plain C rounds each product: a fused sum would differ between machines, and from the formats' own decoders.
SPN_CFLAGS="$SPN_CFLAGS -ffp-contract=off"
SPN_LDFLAGS=
spn_extra=
AS_VAR_IF([enable_werror], [yes], [SPN_CFLAGS="$SPN_CFLAGS -Werror"])
AS_VAR_IF([enable_asan], [yes], [spn_extra="$spn_extra -fsanitize=address"])
AS_VAR_IF([enable_ubsan], [yes], [spn_extra="$spn_extra -fsanitize=undefined -fno-sanitize-recover=undefined"])
AS_VAR_IF([enable_tsan], [yes], [spn_extra="$spn_extra -fsanitize=thread"])
AS_IF([test -n "$spn_extra"], [spn_extra="$spn_extra -fno-omit-frame-pointer"])
AS_VAR_IF([enable_coverage], [yes], [spn_extra="$spn_extra --coverage"])
AS_VAR_IF([enable_fuzzing], [yes], [spn_extra="$spn_extra -fsanitize=fuzzer-no-link"])
SPN_CFLAGS="$SPN_CFLAGS$spn_extra"
SPN_LDFLAGS="$SPN_LDFLAGS$spn_extra"
AC_SUBST([SPN_CFLAGS])
AC_SUBST([SPN_LDFLAGS])
AM_CONDITIONAL([FUZZING], [test "x$enable_fuzzing" = xyes])
AM_CONDITIONAL([SANITIZED], [test "x$enable_asan$enable_tsan$enable_ubsan" != x])
AS_IF([test "x$enable_asan$enable_tsan" != x], [AC_DEFINE([SPN_SANITIZED], [1], [built with a sanitizer])])
])

# Libraries: jansson, PCRE2, utf8proc and libltdl are needed, OpenBLAS is a module that may be missing.
AC_DEFUN([SPN_LIBRARIES], [
PKG_CHECK_MODULES([JANSSON], [jansson >= 2.13])
PKG_CHECK_MODULES([PCRE2], [libpcre2-8])
PKG_CHECK_MODULES([UTF8PROC], [libutf8proc])
AC_SEARCH_LIBS([sqrt], [m])
AC_SEARCH_LIBS([pthread_create], [pthread])
AC_CHECK_HEADER([ltdl.h], [], [AC_MSG_ERROR([ltdl.h is missing: install libltdl-dev])])
AC_CHECK_LIB([ltdl], [lt_dlopenadvise], [LTDL_LIBS=-lltdl], [AC_MSG_ERROR([libltdl is missing: install libltdl-dev])])
AC_SUBST([LTDL_LIBS])
AC_SEARCH_LIBS([dlopen], [dl])
AC_ARG_WITH([blas], [AS_HELP_STRING([--with-blas=auto|no], [OpenBLAS module for training])], [], [with_blas=auto])
have_blas=no
AS_VAR_IF([with_blas], [no], [], [
  PKG_CHECK_MODULES([BLAS], [openblas], [have_blas=yes],
    [AS_VAR_IF([with_blas], [auto], [], [AC_MSG_ERROR([openblas is missing: install libopenblas-dev])])])])
AM_CONDITIONAL([HAVE_BLAS], [test $have_blas = yes])
AC_ARG_WITH([media], [AS_HELP_STRING([--with-media=auto|no], [module for pictures and clips])], [], [with_media=auto])
have_media=no
AS_VAR_IF([with_media], [no], [], [
  PKG_CHECK_MODULES([MEDIA], [libavformat >= 59 libavcodec >= 59 libavutil libswscale], [have_media=yes],
    [AS_VAR_IF([with_media], [auto], [],
      [AC_MSG_ERROR([libav is missing: install libavformat-dev libavcodec-dev libswscale-dev])])])])
AM_CONDITIONAL([HAVE_MEDIA], [test $have_media = yes])
AC_ARG_WITH([curl], [AS_HELP_STRING([--with-curl=auto|no], [libcurl module for remote engines])], [], [with_curl=auto])
have_curl=no
AS_VAR_IF([with_curl], [no], [], [
  PKG_CHECK_MODULES([CURL], [libcurl >= 7.68], [have_curl=yes],
    [AS_VAR_IF([with_curl], [auto], [], [AC_MSG_ERROR([libcurl is missing: install libcurl4-openssl-dev])])])])
AM_CONDITIONAL([HAVE_CURL], [test $have_curl = yes])
AC_ARG_WITH([lzma], [AS_HELP_STRING([--with-lzma=auto|no], [liblzma for packed checkpoints])], [], [with_lzma=auto])
have_lzma=no
AS_VAR_IF([with_lzma], [no], [], [
  PKG_CHECK_MODULES([LZMA], [liblzma >= 5.2], [have_lzma=yes],
    [AS_VAR_IF([with_lzma], [auto], [], [AC_MSG_ERROR([liblzma is missing: install liblzma-dev])])])])
AS_VAR_IF([have_lzma], [yes], [AC_DEFINE([HAVE_LZMA], [1], [packed checkpoints go through LZMA])])
])

# The screens: ncurses with wide characters is needed, readline may be left out (then the line is our own small editor).
AC_DEFUN([SPN_SCREEN], [
PKG_CHECK_MODULES([NCURSES], [ncursesw >= 6.1])
AC_ARG_WITH([readline], [AS_HELP_STRING([--with-readline=auto|no], [readline for the line of the screens])], [],
  [with_readline=auto])
have_readline=no
AS_VAR_IF([with_readline], [no], [], [
  PKG_CHECK_MODULES([READLINE], [readline >= 8.0], [have_readline=yes],
    [AS_VAR_IF([with_readline], [auto], [], [AC_MSG_ERROR([readline is missing: install libreadline-dev])])])])
AS_VAR_IF([have_readline], [yes], [AC_DEFINE([HAVE_READLINE], [1], [the line of the screens is readline's])])
SCREEN_CFLAGS="$NCURSES_CFLAGS $READLINE_CFLAGS"
SCREEN_LIBS="$READLINE_LIBS $NCURSES_LIBS"
AC_SUBST([SCREEN_CFLAGS])
AC_SUBST([SCREEN_LIBS])
])

# The store of conversations: SQLite, or they stay in memory.
AC_DEFUN([SPN_SQLITE], [
AC_ARG_WITH([sqlite], [AS_HELP_STRING([--with-sqlite=auto|no], [SQLite keeps the conversations])], [],
  [with_sqlite=auto])
have_sqlite=no
AS_VAR_IF([with_sqlite], [no], [], [
  PKG_CHECK_MODULES([SQLITE], [sqlite3 >= 3.24], [have_sqlite=yes],
    [AS_VAR_IF([with_sqlite], [auto], [], [AC_MSG_ERROR([SQLite is missing: install libsqlite3-dev])])])])
AM_CONDITIONAL([HAVE_SQLITE], [test $have_sqlite = yes])
SCREEN_CFLAGS="$SCREEN_CFLAGS $SQLITE_CFLAGS" # whoever links the program's objects needs all of them
SCREEN_LIBS="$SCREEN_LIBS $SQLITE_LIBS"
])

# Pictures on terminals: two modules that may be missing.
AC_DEFUN([SPN_PICTURES], [
AC_ARG_WITH([sixel], [AS_HELP_STRING([--with-sixel=auto|no], [libsixel module for sixel terminals])], [], [with_sixel=auto])
have_sixel=no
AS_VAR_IF([with_sixel], [no], [], [
  PKG_CHECK_MODULES([SIXEL], [libsixel >= 1.8], [have_sixel=yes],
    [AS_VAR_IF([with_sixel], [auto], [], [AC_MSG_ERROR([libsixel is missing: install libsixel-dev])])])])
AM_CONDITIONAL([HAVE_SIXEL], [test $have_sixel = yes])
AC_ARG_WITH([chafa], [AS_HELP_STRING([--with-chafa=auto|no], [libchafa module for pictures as characters])], [],
  [with_chafa=auto])
have_chafa=no
AS_VAR_IF([with_chafa], [no], [], [
  PKG_CHECK_MODULES([CHAFA], [chafa >= 1.8 glib-2.0], [have_chafa=yes],
    [AS_VAR_IF([with_chafa], [auto], [],
      [AC_MSG_ERROR([libchafa is missing: install libchafa-dev and libglib2.0-dev])])])])
AM_CONDITIONAL([HAVE_CHAFA], [test $have_chafa = yes])
])

# Instruction sets: built where the compiler knows the flags; chosen at run time.
AC_DEFUN([SPN_SIMD], [
have_x86=no
AS_CASE([$host_cpu], [x86_64|amd64], [
  AC_CACHE_CHECK([whether $CC knows AVX-512 with BF16 and VNNI], [spn_cv_avx512], [
    spn_save="$CFLAGS"
    CFLAGS="$CFLAGS -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mavx512bf16"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <immintrin.h>]],
      [[__m512i a = _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()); (void)a;]])],
      [spn_cv_avx512=yes], [spn_cv_avx512=no])
    CFLAGS="$spn_save"])
  have_x86=$spn_cv_avx512])
AS_VAR_IF([have_x86], [yes], [AC_DEFINE([HAVE_X86], [1], [AVX2 and AVX-512 kernels are built])])
AM_CONDITIONAL([HAVE_X86], [test $have_x86 = yes])
])

# CUDA: a module of its own, so that a machine without a driver starts normally.
AC_DEFUN([SPN_CUDA], [
AC_ARG_WITH([cuda], [AS_HELP_STRING([--with-cuda=auto|no|DIR], [CUDA module])], [], [with_cuda=auto])
AC_ARG_VAR([NVCC], [CUDA compiler])
AC_ARG_VAR([NVCCFLAGS], [flags for the CUDA compiler])
have_cuda=no cuda_why="switched off"
AS_CASE([$with_cuda],
  [no], [],
  [auto|yes], [AC_PATH_PROG([NVCC], [nvcc], [], [$PATH:/usr/local/cuda/bin])],
  [AC_PATH_PROG([NVCC], [nvcc], [], [$with_cuda/bin])])
AS_IF([test "x$with_cuda" != xno], [
  AS_IF([test -n "$NVCC"], [
    cuda_why="no cuda_runtime_api.h and libcudart beside $NVCC"
    # The compiler may be a link into the toolkit's folder.
    for spn_nvcc in "$NVCC" "`readlink -f "$NVCC"`"; do
      AS_VAR_IF([have_cuda], [no], [
        CUDA_DIR=`dirname "$spn_nvcc"` && CUDA_DIR=`dirname "$CUDA_DIR"`
        spn_save_CPPFLAGS=$CPPFLAGS spn_save_LDFLAGS=$LDFLAGS spn_save_LIBS=$LIBS
        CPPFLAGS="$CPPFLAGS -I$CUDA_DIR/include" LDFLAGS="$LDFLAGS -L$CUDA_DIR/lib64" LIBS="-lcudart $LIBS"
        AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <cuda_runtime_api.h>]], [[int n; return (int)cudaGetDeviceCount(&n);]])],
          [have_cuda=yes cuda_why=$NVCC])
        CPPFLAGS=$spn_save_CPPFLAGS LDFLAGS=$spn_save_LDFLAGS LIBS=$spn_save_LIBS])
    done],
    [cuda_why="no nvcc"])
  AS_IF([test $have_cuda = no && test "x$with_cuda" != xauto], [AC_MSG_ERROR([--with-cuda=$with_cuda: $cuda_why])])])
AC_SUBST([CUDA_DIR])
AM_CONDITIONAL([HAVE_CUDA], [test $have_cuda = yes])
])

# Plugins: the list that Makefile.am includes, one fragment a folder.
AC_DEFUN([SPN_PLUGINS], [
spn_plugins=`sed -n 's/^pluginlib_LTLIBRARIES += \(.*\)\.la.*/\1/p' "$srcdir"/plugins/*/*.am | sort | tr '\n' ' '`
AC_SUBST([spn_plugins])
AM_CONDITIONAL([STATIC_PLUGINS], [test "x$enable_static_plugins" = xyes])
AS_VAR_IF([enable_static_plugins], [yes], [AC_DEFINE([SPN_STATIC_PLUGINS], [1], [plugins are linked into the program])])
])

AC_DEFUN([SPN_SUMMARY], [
AS_ECHO(["
spinney $PACKAGE_VERSION
  compiler          $CC $CFLAGS
  prefix            $prefix
  x86 kernels       $have_x86 (AVX2, AVX-512; chosen at run time)
  OpenBLAS module   $have_blas (training)
  media module      $have_media (pictures and clips)
  libcurl module    $have_curl (remote engines)
  liblzma           $have_lzma (packed checkpoints)
  readline          $have_readline (the line of the screens)
  SQLite            $have_sqlite (conversations are kept)
  libsixel module   $have_sixel (pictures on sixel terminals)
  libchafa module   $have_chafa (pictures as characters)
  CUDA module       $have_cuda ($cuda_why)
  plugins           $spn_plugins
  static plugins    ${enable_static_plugins:-no}
  sanitizers        asan ${enable_asan:-no}, ubsan ${enable_ubsan:-no}, tsan ${enable_tsan:-no}
  coverage, fuzzing ${enable_coverage:-no}, ${enable_fuzzing:-no}
"])
])
