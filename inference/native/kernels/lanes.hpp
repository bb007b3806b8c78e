// Four numbers side by side, as a processor takes them; where its registers hold fewer, a compiler splits them. The
// bits are the same.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

namespace ratchet {

#define RATCHET_INLINE [[gnu::always_inline]] inline  // else they would travel through memory

typedef double Two __attribute__((vector_size(16)));
typedef std::int64_t Flag __attribute__((vector_size(16)));  // of a comparison of two
typedef double Four __attribute__((vector_size(32)));
typedef std::int64_t Flags __attribute__((vector_size(32)));  // of a comparison: all bits, or none

inline constexpr std::size_t FOUR = 4;

/// Memory that begins with a line of the cache: else every other load or store of many numbers would touch two lines.
template <class T>
struct LineAllocator {
    using value_type = T;
    static constexpr std::align_val_t LINE{64};

    LineAllocator() = default;
    template <class Other>
    explicit LineAllocator(const LineAllocator<Other>&) {}
    T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), LINE)); }
    void deallocate(T* memory, std::size_t) { ::operator delete(memory, LINE); }
    bool operator==(const LineAllocator&) const { return true; }
};
using Aligned = std::vector<double, LineAllocator<double>>;

RATCHET_INLINE Four load(const double* from) {
    Four x;
    std::memcpy(&x, from, sizeof x);
    return x;
}
RATCHET_INLINE void store(double* to, const Four& x) { std::memcpy(to, &x, sizeof x); }
RATCHET_INLINE Four all(double x) { return Four{x, x, x, x}; }
/// first, first + 1, first + 2, first + 3
RATCHET_INLINE Four count_from(double first) { return first + Four{0.0, 1.0, 2.0, 3.0}; }

RATCHET_INLINE Four absolute(const Four& x) { return (Four)((Flags)x & INT64_MAX); }  // without the bit of the sign
/// The numbers of counts below 2^51: as the last bits of what has them at ones.
RATCHET_INLINE Four number(const Flags& count) {
    constexpr double ONES = 0x1p52;
    return (Four)(count + (Flags)all(ONES)) - ONES;
}
RATCHET_INLINE Four one_where(const Flags& flags) { return flags ? all(1.0) : Four{}; }

struct Larger {
    template <class T>
    RATCHET_INLINE T operator()(const T& a, const T& b) const {
        return a < b ? b : a;
    }
};
struct Smaller {
    template <class T>
    RATCHET_INLINE T operator()(const T& a, const T& b) const {
        return b < a ? b : a;
    }
};
struct Plus {
    template <class T>
    RATCHET_INLINE T operator()(const T& a, const T& b) const {
        return a + b;
    }
};

/// The four folded into one, halves first; in vectors to the end, for a choice between two numbers may be a branch.
template <class Fold>
RATCHET_INLINE double folded(const Four& x, Fold fold) {
    const Two half = fold(Two{x[0], x[1]}, Two{x[2], x[3]});
    return fold(half, Two{half[1], half[0]})[0];
}

/// All bits of the four.
RATCHET_INLINE std::uint64_t merged(const Flags& x) {
    const Flag half = Flag{x[0], x[1]} | Flag{x[2], x[3]};
    return static_cast<std::uint64_t>(half[0] | half[1]);
}

}  // namespace ratchet
