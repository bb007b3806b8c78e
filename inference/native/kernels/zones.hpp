// Zones of past turning points. Prices are logarithms, so that distances are fractions.
#pragma once
#include <array>

#include "kernels/kernel.hpp"
#include "kernels/lanes.hpp"
#include "kernels/smoothing.hpp"

namespace ratchet {

/// Turning points gathered into zones. A point joins the zone with the nearest centre where that is within `width`
/// units, else founds one (in place of the weakest once there are `memory`). The unit is the price's own sigma: root of
/// the EWMA of its squared changes. O(memory) per bar.
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
          centre((memory + FOUR - 1) / FOUR * FOUR, NONE),
          strength(centre.size(), NONE) {}
    bool update(double point, double weight, double price) {
        scale *= growth;
        if (scale > 1e100) {
            for (std::size_t i = 0; i < count; ++i) strength[i] /= scale;
            scale = 1.0;
        }
        const double change = price - std::exchange(previous, price);
        if (!std::exchange(started, true)) return false;
        const double sigma = std::sqrt(variance.update(change * change));
        if (!std::isfinite(sigma)) return false;
        if (weight > 0.0) add(point, weight, width * sigma);
        find(price, reach * sigma);
        return true;
    }
    double read(const Output& output) const { return output.index < 4 ? nearest[output.index] : farther(output.index); }
    template <class A>
    void state(A& archive) {
        archive(variance), archive(previous), archive(started);
        archive(centre), archive(strength), archive(count), archive(scale);
    }

  private:
    static constexpr double NONE = std::numeric_limits<double>::max();  // where no zone is: far away and strong

    void add(double point, double weight, double tolerance) {
        weight *= scale;
        std::size_t best = least(centre.data(), centre.size(), point);
        if (count && std::abs(centre[best] - point) <= tolerance) {
            strength[best] += weight;
            centre[best] += weight / strength[best] * (point - centre[best]);
            return;
        }
        best = count < memory ? count++ : least(strength.data(), strength.size(), 0.0);
        centre[best] = point;
        strength[best] = weight;
    }
    /// Which number is nearest to x; of equals the first.
    RATCHET_CLONES static std::size_t least(const double* numbers, std::size_t size, double x) {
        Four best = all(NONE), place{};
        for (std::size_t i = 0; i < size; i += FOUR) {
            const Four gap = absolute(load(numbers + i) - x);
            place = gap < best ? count_from(static_cast<double>(i)) : place;
            best = gap < best ? gap : best;
        }
        const double nearest = folded(best, Smaller());
        return static_cast<std::size_t>(folded(best == nearest ? place : all(NONE), Smaller()));
    }
    void find(double price, double limit) {
        const std::array<std::size_t, 2> at = around(centre.data(), centre.size(), price, limit);
        const bool below = at[0] < centre.size(), above = at[1] < centre.size();
        at_price = price, at_limit = limit;
        nearest = {below ? centre[at[0]] : price - limit, above ? centre[at[1]] : price + limit,
                   below ? strength[at[0]] / scale : 0.0, above ? strength[at[1]] / scale : 0.0};
    }
    /// Which number is the nearest at or below x, above x, within the limit (of equals the last); `size` where none is.
    RATCHET_CLONES static std::array<std::size_t, 2> around(const double* numbers, std::size_t size, double x,
                                                            double limit) {
        const Four none = all(static_cast<double>(size));
        Four gap_below = all(limit), gap_above = gap_below, below = none, above = none;
        for (std::size_t i = 0; i < size; i += FOUR) {
            const Four way = load(numbers + i) - x, place = count_from(static_cast<double>(i));
            const Flags higher = way > 0.0, nearer_above = higher & (way <= gap_above),
                        nearer_below = ~higher & (-way <= gap_below);
            above = nearer_above ? place : above;
            gap_above = nearer_above ? way : gap_above;
            below = nearer_below ? place : below;
            gap_below = nearer_below ? -way : gap_below;
        }
        return {last_of_least(gap_below, below, none), last_of_least(gap_above, above, none)};
    }
    RATCHET_INLINE static std::size_t last_of_least(const Four& gap, const Four& place, const Four& none) {
        const Four found = place < none ? gap : all(NONE);
        const double at = folded((place < none) & (gap == folded(found, Smaller())) ? place : all(-1.0), Larger());
        return static_cast<std::size_t>(at < 0.0 ? none[0] : at);
    }
    /// An output of one that is not the nearest: away from the price zone by zone, of equals the last first.
    double farther(std::size_t output) const {
        const bool above = output % 2;
        double gap = -1.0;
        std::size_t place = count;
        for (std::size_t rank = 0; rank <= output / 4; ++rank) {
            double next = NONE;
            std::size_t at = count;
            for (std::size_t i = 0; i < count; ++i) {
                const double way = above ? centre[i] - at_price : at_price - centre[i];
                const bool there = (above ? way > 0.0 : way >= 0.0) && way <= at_limit;
                if (there && (way > gap || (way == gap && i < place)) && way <= next) next = way, at = i;
            }
            if (at == count) return output % 4 >= 2 ? 0.0 : at_price + (above ? at_limit : -at_limit);
            gap = next, place = at;
        }
        return output % 4 >= 2 ? strength[place] / scale : centre[place];
    }
    double width, reach, growth;
    std::size_t memory;
    ExponentialMean variance;
    double previous = 0.0;
    bool started = false;
    std::vector<double> centre, strength;  // strength times scale, which grows in place of all of them decaying
    double scale = 1.0;
    std::size_t count = 0;
    std::array<double, 4> nearest{};  // what is read after each update
    double at_price = 0.0, at_limit = 0.0;
};

inline std::vector<KernelInfo> zones_kernels() { return {entry<Zones>()}; }

}  // namespace ratchet
