// Functions compiled for several generations of one processor family; the loader takes the best that the machine has.
// All do the same operations in the same order (nothing is contracted or reassociated), hence give the same bits.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(RATCHET_NO_CLONES)
#define RATCHET_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define RATCHET_CLONES
#endif
