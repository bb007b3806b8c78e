// Which of many numbers meet a condition: a bit for each, 64 to a word. What is then asked of them (the first, the
// last, the neighbours' answers) takes no search and nothing that a processor must foretell.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernels/lanes.hpp"

namespace ratchet {

inline constexpr std::size_t WORD = 64;

/// Bits of word `w` whose places are less than `end`.
RATCHET_INLINE std::uint64_t below(std::ptrdiff_t end, std::size_t w) {
    const std::ptrdiff_t bits = end - static_cast<std::ptrdiff_t>(w * WORD);
    return bits <= 0 ? 0 : bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

/// Of so many words, and by how many places they can be moved: of one word they are held in registers.
template <std::size_t WORDS, std::size_t SHIFT>
class Marks {
  public:
    Marks() { words_.fill(~std::uint64_t{0}); }
    static constexpr std::size_t size() { return WORDS; }
    std::uint64_t& operator[](std::size_t w) { return words_[BEFORE + w]; }
    std::uint64_t operator[](std::size_t w) const { return words_[BEFORE + w]; }
    /// Word `w` of all marks moved up; those before the first are set.
    std::uint64_t moved(std::size_t places, std::size_t w) const {
        const std::uint64_t* word = words_.data() + BEFORE + w - (SHIFT < WORD ? 0 : places / WORD);
        const std::size_t bits = places % WORD;
        return bits == 0 ? word[0] : word[0] << bits | *(word - 1) >> (WORD - bits);
    }
    /// The first mark from `from` on, or `otherwise`.
    std::ptrdiff_t first(std::ptrdiff_t from, std::ptrdiff_t otherwise) const {
        for (auto w = static_cast<std::size_t>(from) / WORD; w < WORDS; ++w)
            if (const std::uint64_t word = (*this)[w] & ~below(from, w))
                return static_cast<std::ptrdiff_t>(w * WORD) + std::countr_zero(word);
        return otherwise;
    }
    /// The last mark before `end`, or `otherwise`.
    std::ptrdiff_t last(std::ptrdiff_t end, std::ptrdiff_t otherwise) const {
        for (std::size_t w = WORDS; w-- > 0;)
            if (const std::uint64_t word = (*this)[w] & below(end, w))
                return static_cast<std::ptrdiff_t>(w * WORD + WORD - 1) - std::countl_zero(word);
        return otherwise;
    }

  private:
    static constexpr std::size_t BEFORE = SHIFT / WORD + 1;
    std::array<std::uint64_t, BEFORE + WORDS> words_;
};

/// Two conditions on the numbers from `begin`, a multiple of four, to `end`, four at a time: `flags(i)` gives both for
/// those from i on. All others are unmarked.
template <class Marked, class FlagsAt>
RATCHET_INLINE void mark(std::size_t begin, std::size_t end, Marked& one, Marked& other, FlagsAt flags) {
    for (std::size_t w = 0; w < Marked::size(); ++w) {
        Flags ones{}, others{};
        std::size_t i = std::max(begin, w * WORD);
        Flags bit = Flags{1, 2, 4, 8} << static_cast<std::int64_t>(i % WORD);
        for (; i < std::min(end, (w + 1) * WORD); i += FOUR, bit <<= FOUR) {
            const auto [a, b] = flags(i);
            ones |= a & bit;
            others |= b & bit;
        }
        one[w] = merged(ones), other[w] = merged(others);
    }
}

}  // namespace ratchet
