// The highest and lowest prices of any stretch of bars, without walking it: extremes of blocks, and of 2, 4, 8 ...
// blocks (a sparse table: Bender and Farach-Colton 2000, "The LCA problem revisited", section 3). A replay goes through
// the bars once, so only the blocks around it are kept: memory does not grow with the bars.
#pragma once
#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "market.hpp"

namespace ratchet {

/// One column's extremes; `Better(a, b)`: a is the more extreme.
template <class Better>
class RangeExtreme {
  public:
    static constexpr std::int64_t BLOCK = 32;
    static constexpr double NOTHING =
        Better{}(1.0, 0.0) ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();

    /// Stretches are at most `longest` bars; one that begins more than as many before the latest one's begin is walked.
    RangeExtreme(const double* values, std::int64_t n, std::int64_t longest) : values_(values) {
        const std::int64_t blocks = std::min(n, longest) / BLOCK;
        room_ = static_cast<std::int64_t>(std::bit_ceil(2 * static_cast<std::uint64_t>(blocks + 2)));
        while ((std::int64_t{1} << levels_) <= blocks) ++levels_;
        kept_.resize(static_cast<std::size_t>(levels_ * room_));
    }
    /// Of block b, which is within `longest` bars of all that was asked for: bars b * BLOCK to (b + 1) * BLOCK.
    double block(std::int64_t b) const {
        if (b >= filled_) [[unlikely]]
            fill(b + 1);
        return at(0, b);
    }
    /// Of bars first to last, the last one included; NOTHING where there are none.
    double of(std::int64_t first, std::int64_t last) const {
        const std::int64_t end = last + 1, from = (first + BLOCK - 1) / BLOCK, to = end / BLOCK;
        if (from >= to) return scan(first, end);
        if (to > filled_) [[unlikely]]
            fill(to);
        if (!is_kept(from)) return scan(first, end);
        const std::int64_t level =
            std::min<std::int64_t>(std::bit_width(static_cast<std::uint64_t>(to - from)), levels_) - 1;
        const double inner = better(at(level, from), at(level, to - (std::int64_t{1} << level)));
        return better(better(scan(first, from * BLOCK), scan(to * BLOCK, end)), inner);
    }

  private:
    static double better(double a, double b) { return Better{}(a, b) ? a : b; }
    /// In four strands, so that one comparison need not wait for the other.
    double scan(std::int64_t first, std::int64_t end) const {
        double found[4] = {NOTHING, NOTHING, NOTHING, NOTHING};
        std::int64_t i = first;
        for (; i + 4 <= end; i += 4)
            for (std::int64_t k = 0; k < 4; ++k) found[k] = better(values_[i + k], found[k]);
        for (; i < end; ++i) found[0] = better(values_[i], found[0]);
        return better(better(found[0], found[1]), better(found[2], found[3]));
    }

    double& at(std::int64_t level, std::int64_t b) const {
        return kept_[static_cast<std::size_t>(level * room_ + (b & (room_ - 1)))];
    }
    bool is_kept(std::int64_t b) const { return b >= filled_ - room_; }
    void fill(std::int64_t end) const {
        for (std::int64_t b = filled_; b < end; ++b) {
            at(0, b) = scan(b * BLOCK, (b + 1) * BLOCK);
            for (std::int64_t level = 1, half = 1; level < levels_ && b + 1 >= 2 * half; ++level, half *= 2)
                at(level, b + 1 - 2 * half) = better(at(level - 1, b + 1 - 2 * half), at(level - 1, b + 1 - half));
        }
        filled_ = end;
    }

    const double* values_;
    std::int64_t room_, levels_ = 1;  // blocks that are kept, a power of two
    mutable std::int64_t filled_ = 0;
    mutable std::vector<double> kept_;  // of each block; of two blocks from each on; of four ...
};

/// Highs and lows of a market's bars.
struct Extremes {
    RangeExtreme<std::greater<>> high;
    RangeExtreme<std::less<>> low;

    Extremes(const BarColumns& bars, std::int64_t n, std::int64_t longest)
        : high(bars.high, n, longest), low(bars.low, n, longest) {}

    /// In favour of a position of this side, and against it.
    double favourable(int side, std::int64_t first, std::int64_t last) const {
        return side > 0 ? high.of(first, last) : low.of(first, last);
    }
    double adverse(int side, std::int64_t first, std::int64_t last) const {
        return side > 0 ? low.of(first, last) : high.of(first, last);
    }
};

}  // namespace ratchet
