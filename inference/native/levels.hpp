// Price levels: the live swing (zigzag), zones of past turning points, round numbers. Prices are logarithms but for the
// round numbers, so that distances are fractions. Each kernel yields one number a bar; `output` says which.
#pragma once
#include <array>

#include "kernel.hpp"
#include "smoothing.hpp"

namespace ratchet {

/// Alternating turning points: a leg ends once a later bar retraces `threshold` from its extreme. The bar that makes a
/// new extreme never ends the leg, since the order inside a bar is unknown. The first leg rises from the first bar's
/// low, which stands for the turning points before it too.
struct Zigzag {
    static constexpr const char* NAME = "zigzag";
    static constexpr const char* FORMULA =
        "turning points of (high, low) by retracements of at least the third input. output 0: direction of the live "
        "leg, 1 or -1; 1: its extreme; 2 to 6: the latest, the second-latest ... fifth-latest turning point; 7: bars "
        "since the latest turning point; 8: bars since the extreme";
    static constexpr int ARITY = 3;
    static std::vector<Parameter> parameters() { return {{"output", 0, 8, true}}; }
    static Settings examples() { return {{0}, {1}, {2}, {3}, {6}, {7}, {8}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    explicit Zigzag(const std::vector<double>& p) : output(static_cast<std::size_t>(p[0])) {}
    double update(double high, double low, double threshold) {
        if (++now == 0) {
            extreme = high;
            points.fill(low);
        } else if (direction > 0.0 ? high >= extreme : low <= extreme) {
            extreme = direction > 0.0 ? high : low;
            extreme_at = now;
        } else if (direction > 0.0 ? extreme - low >= threshold : high - extreme >= threshold) {
            std::move_backward(points.begin(), points.end() - 1, points.end());
            points[0] = extreme;
            point_at = extreme_at;
            direction = -direction;
            extreme = direction > 0.0 ? high : low;
            extreme_at = now;
        }
        if (output == 0) return direction;
        if (output == 1) return extreme;
        if (output == 7) return static_cast<double>(now - point_at);
        if (output == 8) return static_cast<double>(now - extreme_at);
        return points[output - 2];
    }
    template <class A>
    void state(A& archive) {
        archive(direction), archive(extreme), archive(points), archive(now), archive(point_at), archive(extreme_at);
    }
    std::size_t output;
    double direction = 1.0, extreme = 0.0;
    std::array<double, 5> points{};
    std::int64_t now = -1, point_at = 0, extreme_at = 0;
};

/// Turning points gathered into zones. A point joins the zone with the nearest centre where that is within `width`
/// units, else founds one (in place of the weakest once there are `memory`). The unit is the price's own sigma: root of
/// the EWMA of its squared changes. O(memory) per bar.
struct Zones {
    static constexpr const char* NAME = "zones";
    static constexpr const char* FORMULA =
        "zones of points (input 1) of some weight (input 2; 0: no point on this bar) around the price (input 3). "
        "strength = sum of weights decayed per bar, centre = mean by those weights. output 0, 1: centre of the nearest "
        "zone at or below, above the price, or `reach` units away where there is none nearer; 2, 3: their strengths";
    static constexpr int ARITY = 3;
    static std::vector<Parameter> parameters() {
        return {{"width", 0, 1e4, false}, {"reach", 0, 1e6, false}, {"decay", 0.5, 1, false}, {"alpha", 1e-9, 1, false},
                {"seed", 1, 1e6, true},   {"memory", 1, 256, true}, {"output", 0, 3, true}};
    }
    static Settings examples() {
        return {{1.0, 30.0, 0.99, 0.06, 8, 12, 0}, {1.0, 30.0, 0.99, 0.06, 8, 12, 1}, {0.2, 5.0, 0.9, 0.5, 1, 1, 2},
                {0.2, 5.0, 1.0, 0.06, 20, 3, 3},   {5.0, 1e6, 0.5, 0.06, 20, 3, 3},   {0.0, 1e6, 1.0, 1.0, 1, 40, 0}};
    }
    static int warm_up(const std::vector<double>& p) { return static_cast<int>(p[4]); }

    explicit Zones(const std::vector<double>& p)
        : width(p[0]),
          reach(p[1]),
          decay(p[2]),
          variance({p[3], p[4]}),
          output(static_cast<int>(p[6])),
          centre(static_cast<std::size_t>(p[5]), 0.0),
          strength(centre.size(), 0.0),
          touched(centre.size(), 0) {}
    double update(double point, double weight, double price) {
        if (++now == 0) {
            previous = price;
            return NaN;
        }
        const double change = price - previous;
        previous = price;
        const double sigma = std::sqrt(variance.update(change * change));
        if (!std::isfinite(sigma)) return NaN;
        if (weight > 0.0) add(point, weight, width * sigma);
        return find(price, reach * sigma);
    }
    template <class A>
    void state(A& archive) {
        archive(variance), archive(previous), archive(now);
        archive(centre), archive(strength), archive(touched), archive(count);
    }

  private:
    double decayed(std::uint32_t i) const {
        return strength[i] * std::pow(decay, static_cast<double>(now - touched[i]));
    }
    void add(double point, double weight, double tolerance) {
        std::uint32_t best = 0;
        for (std::uint32_t i = 1; i < count; ++i)
            if (std::abs(centre[i] - point) < std::abs(centre[best] - point)) best = i;
        double before = 0.0;
        if (count && std::abs(centre[best] - point) <= tolerance) {
            before = decayed(best);
            centre[best] += weight / (before + weight) * (point - centre[best]);
        } else {
            best = count;
            if (count < centre.size()) {
                ++count;
            } else {
                best = 0;
                double least = decayed(0);
                for (std::uint32_t i = 1; i < count; ++i)
                    if (const double s = decayed(i); s < least) best = i, least = s;
            }
            centre[best] = point;
        }
        strength[best] = before + weight;
        touched[best] = now;
    }
    double find(double price, double limit) const {
        const bool above = output & 1;
        const double sign = above ? 1.0 : -1.0;
        double distance = limit;
        std::uint32_t found = count;
        for (std::uint32_t i = 0; i < count; ++i) {
            const double d = sign * (centre[i] - price);
            const bool side = above ? d > 0.0 : d >= 0.0;
            if (side && d <= distance) distance = d, found = i;
        }
        if (output >= 2) return found < count ? decayed(found) : 0.0;
        return found < count ? centre[found] : price + sign * limit;
    }
    double width, reach, decay;
    ExponentialMean variance;
    int output;
    double previous = 0.0;
    std::int64_t now = -1;
    std::vector<double> centre, strength;
    std::vector<std::int64_t> touched;
    std::uint32_t count = 0;
};

/// Multiples of 1, 2 or 5 times a power of ten, in prices.
struct RoundNumber {
    static constexpr const char* NAME = "round_number";
    static constexpr const char* FORMULA =
        "nearest multiple of the step at or below (output 0), above (1) the price (input 1); the step is the smallest "
        "of 1, 2, 5 times a power of ten that is not below input 2";
    static constexpr int ARITY = 2;
    static std::vector<Parameter> parameters() { return {{"output", 0, 1, true}}; }
    static Settings examples() { return {{0}, {1}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    explicit RoundNumber(const std::vector<double>& p) : output(p[0]) {}
    double update(double price, double spacing) {
        const double ten = std::pow(10.0, std::floor(std::log10(spacing)));
        const double lead = spacing / ten * (1.0 - ROUNDING);
        const double step = ten * (lead <= 1.0 ? 1.0 : lead <= 2.0 ? 2.0 : lead <= 5.0 ? 5.0 : 10.0);
        return (std::floor(price / step * (1.0 + ROUNDING)) + output) * step;
    }
    template <class A>
    void state(A&) {}
    static constexpr double ROUNDING = 1e-12;  // 0.3 is a multiple of 0.1
    double output;
};

inline std::vector<KernelInfo> levels_kernels() { return {entry<Zigzag>(), entry<Zones>(), entry<RoundNumber>()}; }

}  // namespace ratchet
