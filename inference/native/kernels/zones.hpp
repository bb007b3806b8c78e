// Zones of past turning points. Prices are logarithms, so that distances are fractions.
#pragma once
#include <array>

#include "kernels/kernel.hpp"
#include "kernels/lanes.hpp"
#include "kernels/smoothing.hpp"

namespace ratchet {

/// Turning points gathered into zones. A point joins the zone with the nearest centre where that is within `width`
/// units, of equals the lower one, else founds one (in place of the weakest once there are `memory`). The unit is the
/// price's own sigma: root of the EWMA of its squared changes. O(memory) per bar.
struct Zones {
    static constexpr const char* NAME = "zones";
    static constexpr const char* FORMULA =
        "zones of points (input 1) of some weight (input 2; 0: no point on this bar) around the price (input 3). "
        "strength = sum of weights decayed per bar, centre = mean by those weights. output 0, 1: centre of the nearest "
        "zone at or below, above the price, or `reach` units away where there is none nearer; 2, 3: their strengths; "
        "4 to 7: likewise of the second nearest, and so on to the fourth";
    static constexpr int ARITY = 3;
    static std::vector<Parameter> parameters() {
        return {{"width", 0, 1e4, false}, {"reach", 0, 1e6, false}, {"decay", 0.5, 1, false}, {"alpha", 1e-9, 1, false},
                {"seed", 1, 1e6, true},   {"memory", 1, 256, true}, {"output", 0, 15, true}};
    }
    static Settings examples() {
        return {{1.0, 30.0, 0.99, 0.06, 8, 12, 0}, {1.0, 30.0, 0.99, 0.06, 8, 12, 1}, {0.2, 5.0, 0.9, 0.5, 1, 1, 2},
                {0.2, 5.0, 1.0, 0.06, 20, 3, 3},   {5.0, 1e6, 0.5, 0.06, 20, 3, 3},   {0.0, 1e6, 1.0, 1.0, 1, 40, 0}};
    }
    static int warm_up(const std::vector<double>& p) { return static_cast<int>(p[4]); }

    using Reading = Output;

    explicit Zones(const std::vector<double>& p)
        : width(p[0]),
          reach(p[1]),
          growth(1.0 / p[2]),
          memory(static_cast<std::size_t>(p[5])),
          variance({p[3], p[4]}),
          centre((1 + memory + 1 + FOUR - 1) / FOUR * FOUR, NONE),
          strength(centre.size(), NONE) {
        centre[0] = -NONE;
    }
    bool update(double point, double weight, double at) {
        scale *= growth;
        if (scale > 1e100) {
            for (std::size_t i = 1; i <= count; ++i) strength[i] /= scale;
            scale = 1.0;
        }
        price = at;
        const double change = price - std::exchange(previous, price);
        if (!std::exchange(started, true)) return false;
        const double sigma = std::sqrt(variance.update(change * change));
        if (!std::isfinite(sigma)) return false;
        if (weight > 0.0) add(point, weight, width * sigma);
        limit = reach * sigma;
        below = not_above(centre.data(), centre.size(), price);
        return true;
    }
    double read(const Output& output) const {
        const bool above = output.index % 2, strong = output.index % 4 >= 2;
        const std::size_t rank = output.index / 4, at = above ? below + 1 + rank : below - rank;  // 0 less 1: no zone
        const bool there = at - 1 < count && (above ? centre[at] - price : price - centre[at]) <= limit;
        if (strong) return there ? strength[at] / scale : 0.0;
        return there ? centre[at] : above ? price + limit : price - limit;
    }
    template <class A>
    void state(A& archive) {
        archive(variance), archive(previous), archive(started);
        archive(centre), archive(strength), archive(count), archive(scale);
    }

  private:
    static constexpr double NONE = std::numeric_limits<double>::max();  // where no zone is: far away and strong

    void add(double point, double weight, double tolerance) {
        weight *= scale;
        const std::size_t lower = std::min(not_above(centre.data(), centre.size(), point), count);
        const bool nearer_above = centre[lower + 1] - point < point - centre[lower];
        const std::size_t nearest = lower + nearer_above;
        if (std::abs(centre[nearest] - point) <= tolerance) {  // it moves towards the point, so that the order stays
            strength[nearest] += weight;
            centre[nearest] += weight / strength[nearest] * (point - centre[nearest]);
            return;
        }
        const std::size_t free = count < memory ? ++count : weakest(strength.data(), strength.size());
        const std::size_t place = free <= lower ? lower : lower + 1;
        shift(centre, free, place);
        shift(strength, free, place);
        centre[place] = point;
        strength[place] = weight;
    }
    /// Moves those between over the free place, so that `place` is free.
    static void shift(std::vector<double>& numbers, std::size_t free, std::size_t place) {
        for (; free < place; ++free) numbers[free] = numbers[free + 1];
        for (; free > place; --free) numbers[free] = numbers[free - 1];
    }
    /// The last of ascending numbers that is not above x, of which the first is below all x.
    RATCHET_CLONES static std::size_t not_above(const double* numbers, std::size_t size, double x) {
        Flags count{};
        for (std::size_t i = 0; i < size; i += FOUR) count -= load(numbers + i) <= x;
        return static_cast<std::size_t>(static_cast<std::int64_t>(folded(number(count), Plus()))) - 1;
    }
    /// The smallest; of equals the first.
    RATCHET_CLONES static std::size_t weakest(const double* numbers, std::size_t size) {
        Four best = all(NONE), place{};
        for (std::size_t i = 0; i < size; i += FOUR) {
            const Four here = load(numbers + i);
            place = here < best ? count_from(static_cast<double>(i)) : place;
            best = Smaller()(best, here);
        }
        const double least = folded(best, Smaller());
        return static_cast<std::size_t>(folded(best == least ? place : all(NONE), Smaller()));
    }
    double width, reach, growth;
    std::size_t memory;
    ExponentialMean variance;
    double previous = 0.0;
    bool started = false;
    /// By their centres, from 1 on; strength times scale, which grows in place of all of them decaying.
    std::vector<double> centre, strength;
    double scale = 1.0;
    std::size_t count = 0;
    double price = 0.0, limit = 0.0;  // what is read after each update, and the zone at or below the price
    std::size_t below = 0;
};

inline std::vector<KernelInfo> zones_kernels() { return {entry<Zones>()}; }

}  // namespace ratchet
