// Volume in equal bins: filled and emptied range by range, and what its shape tells. Places are in bins from the
// origin.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "clones.hpp"
#include "kernels/lanes.hpp"
#include "kernels/marks.hpp"

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
    Shape shape(double share) const {
        return few() ? few_shape(bins(), count_, share) : many_shape(bins(), count_, share);
    }
    Nodes nodes(const Shape& shape, std::size_t here) const {
        return few() ? few_nodes(bins(), count_, reach_, shape, here) : many_nodes(bins(), count_, reach_, shape, here);
    }
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
    /// Not before a few fours, which most bars do not leave: how many they need could not be foretold.
    static std::size_t end(const Spread& spread, std::size_t count) {
        const std::size_t needed = static_cast<std::size_t>(static_cast<std::int64_t>(spread.to)) + 1;
        return std::min(std::max(needed, begin(spread) + 3 * FOUR), count);
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
    using Few = Marks<1, WORD - 1>;
    using Many = Marks<1024 / WORD, 256>;
    bool few() const { return count_ <= WORD && reach_ < WORD; }

    RATCHET_CLONES static Shape few_shape(const double* bins, std::size_t count, double share) {
        return shape<Few>(bins, count, share);
    }
    RATCHET_CLONES static Shape many_shape(const double* bins, std::size_t count, double share) {
        return shape<Many>(bins, count, share);
    }
    template <class Marked>
    RATCHET_INLINE static Shape shape(const double* bins, std::size_t count, double share) {
        Four most{}, sum{};
        for (std::size_t i = 0; i < count; i += FOUR) {
            const Four volume = Larger()(load(bins + i), Four{});  // beyond the bins: none
            most = Larger()(most, volume);
            sum += volume;
        }
        Shape found{};
        found.most = folded(most, Larger());
        found.rounding = 1e-9 * found.most;
        Marked fullest, traded;
        mark(count, fullest, traded, [&](std::size_t i) {
            const Four volume = load(bins + i);
            return std::pair{volume == found.most, volume > found.rounding};
        });
        const auto end = static_cast<std::ptrdiff_t>(count) - 1;
        found.fullest = static_cast<std::size_t>(fullest.first(0, end));
        found.first = static_cast<std::size_t>(traded.first(0, end));
        found.last = static_cast<std::size_t>(traded.last(end + 1, end));
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
    /// Of equal bins side by side the lowest is the node. Beyond the traded bins lies no volume: a low node needs
    /// traded bins on either side.
    RATCHET_CLONES static Nodes few_nodes(const double* bins, std::size_t count, std::size_t reach, const Shape& shape,
                                          std::size_t here) {
        return nodes<Few>(bins, count, reach, shape, here);
    }
    RATCHET_CLONES static Nodes many_nodes(const double* bins, std::size_t count, std::size_t reach, const Shape& shape,
                                           std::size_t here) {
        return nodes<Many>(bins, count, reach, shape, here);
    }
    template <class Marked>
    RATCHET_INLINE static Nodes nodes(const double* bins, std::size_t count, std::size_t reach, const Shape& shape,
                                      std::size_t here) {
        const auto first = static_cast<std::ptrdiff_t>(shape.first), last = static_cast<std::ptrdiff_t>(shape.last);
        Marked high, low, rise, fall;
        for (std::size_t w = 0; w < high.size(); ++w) {
            high[w] = below(last + 1, w) & ~below(first, w);
            low[w] = below(last, w) & ~below(first + 1, w);
        }
        for (std::size_t d = 1; d <= reach; ++d) {
            mark(count, rise, fall, [&](std::size_t i) {  // from the bin to the one d bins on
                const Four more = load(bins + i + d) - load(bins + i);
                return std::pair{more > shape.rounding, more < -shape.rounding};
            });
            for (std::size_t w = 0; w < high.size(); ++w) {  // to the first traded bin both, from the last neither
                const std::uint64_t untraded = below(first, w);
                const std::uint64_t compared = below(last + 1 - static_cast<std::ptrdiff_t>(d), w);
                rise[w] = (rise[w] | untraded) & compared;
                fall[w] = (fall[w] | untraded) & compared;
            }
            for (std::size_t w = 0; w < high.size(); ++w) {
                high[w] &= rise.moved(d, w) & ~rise[w];
                low[w] &= fall.moved(d, w) & ~fall[w];
            }
        }
        const auto bin = static_cast<std::ptrdiff_t>(here);
        const double bottom = static_cast<double>(first), top = static_cast<double>(last + 1);
        auto middle = [](std::ptrdiff_t place, double otherwise) {
            return place < 0 ? otherwise : static_cast<double>(place) + 0.5;
        };
        return {middle(high.last(bin, -1), bottom), middle(high.first(bin + 1, -1), top),
                middle(low.last(bin, -1), bottom), middle(low.first(bin + 1, -1), top)};
    }
    std::size_t count_, reach_, margin_;
    std::vector<double> cells_;  // the bins, and margins in which no search need look where it is
};

}  // namespace ratchet
