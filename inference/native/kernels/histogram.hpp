// Volume in equal bins, filled and emptied range by range. Places are in bins from the origin. What their shape tells:
// histogram_shape.hpp.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "clones.hpp"
#include "kernels/lanes.hpp"

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
    void put(std::size_t i, const Spread& spread) {
        from[i] = spread.from, to[i] = spread.to, density[i] = spread.density;
    }
    template <class A>
    void state(A& archive) {
        archive(from), archive(to), archive(density);
    }
};

/// What the bins held at one time.
struct Volumes {
    const double* bins;
    double most, sum;
};

/// Where the bins lie among prices.
struct Scale {
    double origin = 0.0, step = 1.0, per_price = 1.0;  // the first bin's lower edge, a bin's width, and 1 over it

    double price(double place) const { return origin + place * step; }
    double place(double price) const { return (price - origin) * per_price; }
};

class Histogram {
  public:
    static constexpr std::size_t TOGETHER = 4;  // as many of its states can be kept

    /// `margin`: how many numbers before and after the bins can be read.
    Histogram(std::size_t bins, std::size_t margin)
        : count_(bins),
          margin_(up_to_line(margin)),
          cells_(up_to_line(bins) + 2 * margin_, OUTSIDE),
          kept_(TOGETHER * cells_.size(), OUTSIDE) {
        clear();
    }
    std::size_t count() const { return count_; }
    std::size_t bin(double place) const {
        return static_cast<std::size_t>(
            static_cast<std::int64_t>(std::clamp(place, 0.0, static_cast<double>(count_ - 1))));
    }
    /// Empties all bins, and fills them with these alone: each volume between its two prices.
    void fill(const double* low, const double* high, const double* volume, const Scale& scale, Spreads& spreads) {
        clear();
        spread(low, high, volume, spreads.size(), scale, count_, spreads.from.data(), spreads.to.data(),
               spreads.density.data());
        put(bins(), count_, spreads);
    }
    /// Takes one of the spreads out, and puts another in its place.
    void replace(double low, double high, double volume, const Scale& scale, Spreads& spreads, std::size_t at) {
        spreads.put(at, replace(bins(), count_, spreads[at], low, high, volume, scale));
    }
    /// The bins as they are now, kept in one of TOGETHER places.
    Volumes keep(std::size_t place) { return copy(bins(), count_, kept_.data() + place * cells_.size() + margin_); }
    template <class A>
    void state(A& archive) {
        archive(cells_);
    }

  private:
    static constexpr double OUTSIDE = -1.0;  // less than any bin, so that a value area never grows there

    /// Vectors do not cross lines of the cache where the bins begin with one.
    static std::size_t up_to_line(std::size_t n) { return (n + 7) / 8 * 8; }
    void clear() { std::fill_n(bins(), count_, 0.0); }
    double* bins() { return cells_.data() + margin_; }

    /// What lies within one bin fills all of it.
    RATCHET_INLINE static Spread spread(double low, double high, double volume, const Scale& scale, double bins) {
        const auto bin = [&](double place) {
            return static_cast<double>(static_cast<std::int32_t>(std::min(std::max(place, 0.0), bins - 1.0)));
        };
        const double begin = scale.place(low), end = scale.place(high), first = bin(begin), last = bin(end);
        const double from = first == last ? first : std::max(begin, 0.0);
        const double to = first == last ? first + 1.0 : std::min(end, bins);
        return {from, to, volume / (to - from)};
    }
    RATCHET_CLONES static void spread(const double* low, const double* high, const double* volume, std::size_t n,
                                      const Scale& scale, std::size_t count, double* __restrict from,
                                      double* __restrict to, double* __restrict density) {
        const Scale own = scale;
        for (std::size_t i = 0; i < n; ++i) {
            const Spread made = spread(low[i], high[i], volume[i], own, static_cast<double>(count));
            from[i] = made.from, to[i] = made.to, density[i] = made.density;
        }
    }
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
    RATCHET_INLINE static void put(double* bins, std::size_t count, const Spread& spread) {
        const std::size_t last = end(spread, count);
        for (std::size_t i = begin(spread); i < last; i += FOUR)
            store(bins + i, load(bins + i) + spread.density * covered(spread, i));
    }
    RATCHET_CLONES static void put(double* bins, std::size_t count, const Spreads& spreads) {
        for (std::size_t s = 0; s < spreads.size(); ++s) put(bins, count, spreads[s]);
    }
    RATCHET_CLONES static Spread replace(double* bins, std::size_t count, const Spread& old, double low, double high,
                                         double volume, const Scale& scale) {
        const std::size_t last = end(old, count);
        for (std::size_t i = begin(old); i < last; i += FOUR) {
            const Four gone = old.density * covered(old, i), left = load(bins + i) - gone;
            const Flags none = (gone > 0.0) & (left < 1e-9 * gone);  // what rounding leaves of volume taken out
            store(bins + i, none ? Four{} : left);
        }
        const Spread fresh = spread(low, high, volume, scale, static_cast<double>(count));
        put(bins, count, fresh);
        return fresh;
    }
    RATCHET_CLONES static Volumes copy(const double* bins, std::size_t count, double* __restrict to) {
        Four most{}, sum{};
        for (std::size_t i = 0; i < count; i += FOUR) {
            const Four here = load(bins + i), volume = Larger()(here, Four{});  // beyond the bins: none
            store(to + i, here);
            most = Larger()(most, volume);
            sum += volume;
        }
        return {to, folded(most, Larger()), folded(sum, Plus())};
    }
    std::size_t count_, margin_;
    Aligned cells_;  // the bins, and margins in which no search need look where it is
    Aligned kept_;
};

}  // namespace ratchet
