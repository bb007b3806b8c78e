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

/// Many of them.
struct Spreads {
    Aligned from, to, density;

    explicit Spreads(std::size_t count) : from(count), to(count), density(count) {}
    std::size_t size() const { return from.size(); }
    Spread operator[](std::size_t i) const { return {from[i], to[i], density[i]}; }
    template <class A>
    void state(A& archive) {
        archive(from), archive(to), archive(density);
    }
};

/// Of the bins the fullest, those of the value area (`low` to `high`) and the traded ones (`first` to `last`).
struct Shape {
    double most, rounding, sum;  // volume of the fullest bin, how little beside it counts as none, and of all bins
    std::size_t fullest, low, high, first, last;
};

/// Places of the nearest nodes on either side of a bin.
struct Nodes {
    double high_below, high_above, low_below, low_above;
};

class Histogram {
  public:
    static constexpr std::size_t TOGETHER = 4;

    /// `reach`: with how many bins on either side a node is compared.
    Histogram(std::size_t bins, std::size_t reach)
        : count_(bins), reach_(reach), margin_(up_to_line(reach + FOUR)), cells_(up_to_line(bins) + 2 * margin_, OUTSIDE), kept_(TOGETHER * cells_.size(), OUTSIDE) {
        clear();
    }
    std::size_t count() const { return count_; }
    double operator[](std::size_t i) const { return bins()[i]; }
    std::size_t bin(double place) const {
        return static_cast<std::size_t>(
            static_cast<std::int64_t>(std::clamp(place, 0.0, static_cast<double>(count_ - 1))));
    }
    /// Empties all bins, and fills them anew: with each volume between its two prices, `origin` being the first bin's
    /// lower edge, of `per_price` bins to a unit of price.
    void fill(const double* low, const double* high, const double* volume, double origin, double per_price,
              Spreads& spreads) {
        clear();
        spread(low, high, volume, spreads.size(), origin, per_price, count_, spreads.from.data(), spreads.to.data(),
               spreads.density.data());
        put(bins(), count_, spreads);
    }
    /// Takes out the spread of one place and puts in its successor.
    void replace(double low, double high, double volume, double origin, double per_price, Spreads& spreads,
                 std::size_t at) {
        const Spread old = spreads[at];
        spread(&low, &high, &volume, 1, origin, per_price, count_, &spreads.from[at], &spreads.to[at],
               &spreads.density[at]);
        replace(bins(), count_, old, spreads[at]);
    }
    /// `share`: of all volume, held by the value area.
    Shape shape(double share) const {
        std::array<Shape, 1> found{shape_before_growth(bins())};
        grow<1>({bins()}, count_, share, found);
        return found[0];
    }
    Nodes nodes(const Shape& shape, std::size_t here) const { return nodes(bins(), shape, here); }
    /// Keeps the bins as they are now, in one of TOGETHER places.
    void keep(std::size_t place) { copy(bins(), count_, kept_.data() + place * cells_.size() + margin_); }
    std::array<Shape, TOGETHER> kept_shapes(double share) const {
        std::array<Shape, TOGETHER> found;
        std::array<const double*, TOGETHER> of;
        for (std::size_t k = 0; k < TOGETHER; ++k) found[k] = shape_before_growth(of[k] = kept(k));
        grow<TOGETHER>(of, count_, share, found);
        return found;
    }
    Nodes kept_nodes(std::size_t place, const Shape& shape, std::size_t here) const { return nodes(kept(place), shape, here); }
    double kept(std::size_t place, std::size_t i) const { return kept(place)[i]; }
    template <class A>
    void state(A& archive) {
        archive(cells_);
    }

  private:
    static std::size_t up_to_line(std::size_t n) { return (n + 7) / 8 * 8; }
    static constexpr double OUTSIDE = -1.0;  // less than any bin, so that the value area never grows there

    const double* kept(std::size_t place) const { return kept_.data() + place * cells_.size() + margin_; }
    Shape shape_before_growth(const double* of) const {
        return few() ? few_shape(of, count_) : many_shape(of, count_);
    }
    Nodes nodes(const double* of, const Shape& shape, std::size_t here) const {
        return few() ? few_nodes(of, count_, reach_, shape, here) : many_nodes(of, count_, reach_, shape, here);
    }
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
    /// What lies within one bin fills all of it.
    RATCHET_CLONES static void spread(const double* low, const double* high, const double* volume, std::size_t n,
                                      double origin, double per_price, std::size_t count, double* __restrict from,
                                      double* __restrict to, double* __restrict density) {
        const auto bins = static_cast<double>(count);
        auto bin = [last = bins - 1.0](double place) {
            return static_cast<double>(static_cast<std::int32_t>(std::min(std::max(place, 0.0), last)));
        };
        for (std::size_t i = 0; i < n; ++i) {
            const double begin = (low[i] - origin) * per_price, end = (high[i] - origin) * per_price;
            const double first = bin(begin), last = bin(end);
            from[i] = first == last ? first : std::max(begin, 0.0);
            to[i] = first == last ? first + 1.0 : std::min(end, bins);
            density[i] = volume[i] / (to[i] - from[i]);
        }
    }
    RATCHET_INLINE static void put(double* bins, std::size_t count, const Spread& spread) {
        const std::size_t last = end(spread, count);
        for (std::size_t i = begin(spread); i < last; i += FOUR)
            store(bins + i, load(bins + i) + spread.density * covered(spread, i));
    }
    RATCHET_CLONES static void put(double* bins, std::size_t count, const Spreads& spreads) {
        for (std::size_t s = 0; s < spreads.size(); ++s) put(bins, count, spreads[s]);
    }
    RATCHET_CLONES static void replace(double* bins, std::size_t count, const Spread& old, const Spread& fresh) {
        const std::size_t last = end(old, count);
        for (std::size_t i = begin(old); i < last; i += FOUR) {
            const Four volume = old.density * covered(old, i), left = load(bins + i) - volume;
            const Flags none = (volume > 0.0) & (left < 1e-9 * volume);  // what rounding leaves of volume taken out
            store(bins + i, none ? Four{} : left);
        }
        put(bins, count, fresh);
    }
    RATCHET_CLONES static void copy(const double* bins, std::size_t count, double* __restrict to) {
        for (std::size_t i = 0; i < count; i += FOUR) store(to + i, load(bins + i));
    }
    using Few = Marks<1, WORD - 1>;
    using Many = Marks<1024 / WORD, 256>;
    bool few() const { return count_ <= WORD && reach_ < WORD; }

    RATCHET_CLONES static Shape few_shape(const double* bins, std::size_t count) {
        return shape<Few>(bins, count);
    }
    RATCHET_CLONES static Shape many_shape(const double* bins, std::size_t count) {
        return shape<Many>(bins, count);
    }
    template <class Marked>
    RATCHET_INLINE static Shape shape(const double* bins, std::size_t count) {
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
        mark(0, count, fullest, traded, [&](std::size_t i) {
            const Four volume = load(bins + i);
            return std::pair{volume == found.most, volume > found.rounding};
        });
        const auto end = static_cast<std::ptrdiff_t>(count) - 1;
        found.fullest = static_cast<std::size_t>(fullest.first(0, end));
        found.first = static_cast<std::size_t>(traded.first(0, end));
        found.last = static_cast<std::size_t>(traded.last(end + 1, end));
        found.sum = folded(sum, Plus());
        return found;
    }
    /// From the fullest bin by the fuller neighbour. Numbers not below 0 are in order as integers, which are compared
    /// sooner; the next neighbours are read before it is known which of them is wanted. Each step waits for the one
    /// before: COUNT areas grow side by side.
    template <std::size_t COUNT>
    static void grow(const std::array<const double*, COUNT>& bins, std::size_t, double share,
                     std::array<Shape, COUNT>& areas) {
        struct Area {
            const double *low, *high;
            std::int64_t below, above;
            double held, wanted;
        };
        std::array<Area, COUNT> growing;
        auto volume = [](const double* bin) { return std::bit_cast<std::int64_t>(*bin); };
        for (std::size_t k = 0; k < COUNT; ++k) {
            const double* bin = bins[k] + areas[k].fullest;
            growing[k] = {bin, bin, volume(bin - 1), volume(bin + 1), areas[k].most, share * (1.0 - 1e-12) * areas[k].sum};
        }
        for (bool any = true; any;) {
            any = false;
            for (Area& area : growing) {
                const bool up = area.above >= area.below;
                const std::int64_t more = up ? area.above : area.below;
                const bool go = (area.held < area.wanted) & (more >= 0);
                area.held += std::bit_cast<double>(go ? more : 0);
                area.high += up & go;
                area.low -= !up & go;
                area.above = volume(area.high + 1);
                area.below = volume(area.low - 1);
                any |= go;
            }
        }
        for (std::size_t k = 0; k < COUNT; ++k) {
            areas[k].low = static_cast<std::size_t>(growing[k].low - bins[k]);
            areas[k].high = static_cast<std::size_t>(growing[k].high - bins[k]);
        }
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
            mark(shape.first / FOUR * FOUR, shape.last, rise, fall, [&](std::size_t i) {  // from the bin to the one d bins on
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
    Aligned cells_;  // the bins, and margins in which no search need look where it is
    Aligned kept_;
};

}  // namespace ratchet
