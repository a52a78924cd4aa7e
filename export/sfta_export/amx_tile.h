/* Included before every C and C++ file of llama.cpp; see docs/decisions/0032.

   GCC 12 declares that _tile_loadconfig reads 8 of the 64 bytes it is given. The optimizer then
   drops the stores to the others, no tile has rows, and the first tile instruction ends the
   process. Later uses of the name take the macro, which reads all 64. */
#if defined(__AMX_TILE__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>
#define _tile_loadconfig(config) \
    __asm__ volatile("ldtilecfg\t%0" : : "m"(*(const char(*)[64])(config)))
#endif
