// Volume in equal bins: filled and emptied range by range, and what its shape tells. Places are in bins from the
// origin.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "clones.hpp"
#include "kernels/lanes.hpp"

namespace ratchet {

/// Volume spread evenly between two places.
struct Spread {
    double from, to, density;  // density: volume a bin
};

/// Of the bins the fullest, those of the value area (`low` to `high`) and the traded ones (`first` to `last`).
struct Shape {
    double most, rounding;  // volume of the fullest bin, and how little beside it counts as none
    std::size_t fullest, low, high, first, last;
};

/// Places of the nearest nodes on either side of a bin.
struct Nodes {
    double high_below, high_above, low_below, low_above;
};

class Histogram {
  public:
    /// `reach`: with how many bins on either side a node is compared.
    Histogram(std::size_t bins, std::size_t reach)
        : count_(bins), reach_(reach), margin_(reach + FOUR), cells_(bins + 2 * margin_, OUTSIDE) {
        clear();
    }
    std::size_t count() const { return count_; }
    double operator[](std::size_t i) const { return bins()[i]; }
    std::size_t bin(double place) const {
        return static_cast<std::size_t>(
            static_cast<std::int64_t>(std::clamp(place, 0.0, static_cast<double>(count_ - 1))));
    }
    /// What lies within one bin fills all of it.
    Spread spread(double from, double to, double volume) const {
        const auto first = static_cast<double>(bin(from)), last = static_cast<double>(bin(to));
        from = first == last ? first : std::max(from, 0.0);
        to = first == last ? first + 1.0 : std::min(to, static_cast<double>(count_));
        return {from, to, volume / (to - from)};
    }
    /// Empties all bins, and fills them with these alone.
    void fill(const std::vector<Spread>& spreads) {
        clear();
        put(bins(), count_, spreads.data(), spreads.size());
    }
    void replace(const Spread& old, const Spread& fresh) {
        take(bins(), count_, old);
        put(bins(), count_, &fresh, 1);
    }
    /// `share`: of all volume, held by the value area.
    Shape shape(double share) const { return shape(bins(), count_, share); }
    Nodes nodes(const Shape& shape, std::size_t here) const { return nodes(bins(), reach_, shape, here); }
    template <class A>
    void state(A& archive) {
        archive(cells_);
    }

  private:
    static constexpr double OUTSIDE = -1.0;  // less than any bin, so that the value area never grows there

    void clear() { std::fill_n(bins(), count_, 0.0); }
    double* bins() { return cells_.data() + margin_; }
    const double* bins() const { return cells_.data() + margin_; }

    /// How much of each of the four bins from `first` on is covered.
    RATCHET_INLINE static Four covered(const Spread& spread, std::size_t first) {
        const Four place = count_from(static_cast<double>(first));
        const Four length = Smaller()(place + 1.0, all(spread.to)) - Larger()(place, all(spread.from));
        return length > 0.0 ? length : Four{};
    }
    /// The four with which to begin, the bin at which to end.
    static std::size_t begin(const Spread& spread) {
        return static_cast<std::size_t>(static_cast<std::int64_t>(spread.from)) / FOUR * FOUR;
    }
    static std::size_t end(const Spread& spread, std::size_t count) {
        return std::min(static_cast<std::size_t>(static_cast<std::int64_t>(spread.to)) + 1, count);
    }
    RATCHET_CLONES static void put(double* bins, std::size_t count, const Spread* spreads, std::size_t size) {
        for (std::size_t s = 0; s < size; ++s) {
            const Spread spread = spreads[s];
            for (std::size_t i = begin(spread); i < end(spread, count); i += FOUR)
                store(bins + i, load(bins + i) + spread.density * covered(spread, i));
        }
    }
    RATCHET_CLONES static void take(double* bins, std::size_t count, const Spread& spread) {
        for (std::size_t i = begin(spread); i < end(spread, count); i += FOUR) {
            const Four volume = spread.density * covered(spread, i), left = load(bins + i) - volume;
            const Flags none = (volume > 0.0) & (left < 1e-9 * volume);  // what rounding leaves of volume taken out
            store(bins + i, none ? Four{} : left);
        }
    }
    RATCHET_CLONES static Shape shape(const double* bins, std::size_t count, double share) {
        Four most{}, sum{};
        for (std::size_t i = 0; i < count; i += FOUR) {
            const Four volume = Larger()(load(bins + i), Four{});  // beyond the bins: none
            most = Larger()(most, volume);
            sum += volume;
        }
        Shape found{};
        found.most = folded(most, Larger());
        found.rounding = 1e-9 * found.most;
        const double end = static_cast<double>(count) - 1.0;
        Four fullest = all(end), first = all(end), last{};
        for (std::size_t i = 0; i < count; i += FOUR) {
            const Four volume = load(bins + i), place = count_from(static_cast<double>(i));
            fullest = Smaller()(fullest, volume == found.most ? place : all(end));
            first = Smaller()(first, volume > found.rounding ? place : all(end));
            last = volume > found.rounding ? place : last;
        }
        found.fullest = static_cast<std::size_t>(folded(fullest, Smaller()));
        found.first = static_cast<std::size_t>(folded(first, Smaller()));
        found.last = std::max(static_cast<std::size_t>(folded(last, Larger())), found.first);
        grow(bins, count, share * (1.0 - 1e-12) * folded(sum, Plus()), found);  // reached in spite of rounding
        return found;
    }
    /// From the fullest bin by the fuller neighbour. Numbers not below 0 are in order as integers, which are compared
    /// sooner; the next neighbours are read before it is known which of them is wanted.
    static void grow(const double* bins, std::size_t count, double wanted, Shape& area) {
        auto volume = [bins](std::ptrdiff_t i) { return std::bit_cast<std::int64_t>(bins[i]); };
        auto low = static_cast<std::ptrdiff_t>(area.fullest), high = low, end = static_cast<std::ptrdiff_t>(count);
        auto below = volume(low - 1), above = volume(high + 1);
        for (double held = area.most; held < wanted && (low > 0 || high + 1 < end);) {
            const auto lower = volume(low - 2), upper = volume(high + 2);
            const bool up = above >= below;
            held += std::bit_cast<double>(up ? above : below);
            above = up ? upper : above;
            below = up ? below : lower;
            high += up;
            low -= !up;
        }
        area.low = static_cast<std::size_t>(low);
        area.high = static_cast<std::size_t>(high);
    }
    /// Which of the four bins from `i` on are nodes. Of equal bins side by side the lowest is the node. Beyond the
    /// traded bins lies no volume: a low node needs traded bins on either side.
    RATCHET_INLINE static void compare(const double* bins, std::size_t reach, const Shape& shape, std::ptrdiff_t i,
                                       Flags& high, Flags& low) {
        const double first = static_cast<double>(shape.first), last = static_cast<double>(shape.last);
        const Four place = count_from(static_cast<double>(i)), volume = load(bins + i);
        high = (place >= first) & (place <= last);
        low = (place > first) & (place < last);
        for (std::size_t d = 1; d <= reach; ++d) {
            const double away = static_cast<double>(d);
            const Four before = load(bins + i - d) - volume, after = load(bins + i + d) - volume;
            const Flags none_before = place<first + away, none_after = place> last - away;
            high &= (none_before | (before < -shape.rounding)) & (none_after | (after <= shape.rounding));
            low &= (none_before | (before > shape.rounding)) & (none_after | (after >= -shape.rounding));
        }
    }
    RATCHET_CLONES static Nodes nodes(const double* bins, std::size_t reach, const Shape& shape, std::size_t here) {
        const auto first = static_cast<std::ptrdiff_t>(shape.first), last = static_cast<std::ptrdiff_t>(shape.last);
        const double bottom = static_cast<double>(first), top = static_cast<double>(last + 1);
        Nodes found{bottom, top, bottom, top};  // where there is none
        Flags high, low;
        auto i = std::max(static_cast<std::ptrdiff_t>(here + 1), first);
        for (; i <= last && (found.high_above == top || found.low_above == top); i += FOUR) {
            compare(bins, reach, shape, i, high, low);
            const Four middle = count_from(static_cast<double>(i) + 0.5);
            found.high_above = std::min(found.high_above, folded(high ? middle : all(top), Smaller()));
            found.low_above = std::min(found.low_above, folded(low ? middle : all(top), Smaller()));
        }
        i = std::min(static_cast<std::ptrdiff_t>(here), last + 1) - static_cast<std::ptrdiff_t>(FOUR);
        for (;
             i + static_cast<std::ptrdiff_t>(FOUR) > first && (found.high_below == bottom || found.low_below == bottom);
             i -= FOUR) {
            compare(bins, reach, shape, i, high, low);
            const Four middle = count_from(static_cast<double>(i) + 0.5);
            found.high_below = std::max(found.high_below, folded(high ? middle : all(bottom), Larger()));
            found.low_below = std::max(found.low_below, folded(low ? middle : all(bottom), Larger()));
        }
        return found;
    }
    std::size_t count_, reach_, margin_;
    std::vector<double> cells_;  // the bins, and margins in which no search need look where it is
};

}  // namespace ratchet
