// The highest and lowest prices of any stretch of bars, without walking it: extremes of blocks, and of 2, 4, 8 ...
// blocks (a sparse table: Bender and Farach-Colton 2000, "The LCA problem revisited", section 3).
#pragma once
#include <algorithm>
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

    /// Stretches are at most `longest` bars.
    RangeExtreme(const double* values, std::int64_t n, std::int64_t longest) : values_(values), levels_(1) {
        for (std::int64_t b = 0; b + BLOCK <= n; b += BLOCK) levels_[0].push_back(scan(b, b + BLOCK));
        for (std::size_t span = 1;
             2 * span <= levels_[0].size() && 2 * static_cast<std::int64_t>(span) <= longest / BLOCK; span *= 2) {
            const std::vector<double>& half = levels_.back();
            std::vector<double> whole(half.size() - span);
            for (std::size_t b = 0; b < whole.size(); ++b) whole[b] = better(half[b], half[b + span]);
            levels_.push_back(std::move(whole));
        }
    }
    /// Of block b: bars b * BLOCK to (b + 1) * BLOCK.
    double block(std::int64_t b) const { return levels_[0][static_cast<std::size_t>(b)]; }
    /// Of bars first to last, the last one included; NOTHING where there are none.
    double of(std::int64_t first, std::int64_t last) const {
        const std::int64_t end = last + 1, from = (first + BLOCK - 1) / BLOCK, to = end / BLOCK;
        if (from >= to) return scan(first, end);
        std::size_t level = 0;
        while (level + 1 < levels_.size() && (std::int64_t{2} << level) <= to - from) ++level;
        const std::vector<double>& spans = levels_[level];
        const double inner = better(spans[static_cast<std::size_t>(from)],
                                    spans[static_cast<std::size_t>(to - (std::int64_t{1} << level))]);
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

    const double* values_;
    std::vector<std::vector<double>> levels_;  // of each block; of two blocks from each on; of four ...
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
