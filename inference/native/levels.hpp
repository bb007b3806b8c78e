// Price levels: the live swing (zigzag), zones of past turning points, round numbers. Prices are logarithms but for the
// round numbers, so that distances are fractions.
#pragma once
#include <algorithm>
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

    using Reading = Output;

    explicit Zigzag(const std::vector<double>&) {}
    bool update(double high, double low, double threshold) {
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
        return true;
    }
    double read(const Output& output) const {
        switch (output.index) {
            case 0:
                return direction;
            case 1:
                return extreme;
            case 7:
                return static_cast<double>(now - point_at);
            case 8:
                return static_cast<double>(now - extreme_at);
            default:
                return points[output.index - 2];
        }
    }
    template <class A>
    void state(A& archive) {
        archive(direction), archive(extreme), archive(points), archive(now), archive(point_at), archive(extreme_at);
    }
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

    using Reading = Output;

    explicit Zones(const std::vector<double>& p)
        : width(p[0]),
          reach(p[1]),
          growth(1.0 / p[2]),
          variance({p[3], p[4]}),
          centre(static_cast<std::size_t>(p[5]), 0.0),
          strength(centre.size(), 0.0) {}
    bool update(double point, double weight, double price) {
        scale *= growth;
        if (scale > 1e100) {
            for (double& each : strength) each /= scale;
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
    double read(const Output& output) const { return nearest[output.index]; }
    template <class A>
    void state(A& archive) {
        archive(variance), archive(previous), archive(started);
        archive(centre), archive(strength), archive(count), archive(scale);
    }

  private:
    void add(double point, double weight, double tolerance) {
        weight *= scale;
        std::uint32_t best = 0;
        for (std::uint32_t i = 1; i < count; ++i)
            if (std::abs(centre[i] - point) < std::abs(centre[best] - point)) best = i;
        if (count && std::abs(centre[best] - point) <= tolerance) {
            strength[best] += weight;
            centre[best] += weight / strength[best] * (point - centre[best]);
            return;
        }
        if (count < centre.size())
            best = count++;
        else
            best = static_cast<std::uint32_t>(std::min_element(strength.begin(), strength.end()) - strength.begin());
        centre[best] = point;
        strength[best] = weight;
    }
    void find(double price, double limit) {
        double gap_below = limit, gap_above = limit;
        std::uint32_t below = count, above = count;
        for (std::uint32_t i = 0; i < count; ++i) {
            const double gap = centre[i] - price;
            if (gap > 0.0) {
                if (gap <= gap_above) gap_above = gap, above = i;
            } else if (-gap <= gap_below) {
                gap_below = -gap, below = i;
            }
        }
        nearest = {below < count ? centre[below] : price - limit, above < count ? centre[above] : price + limit,
                   below < count ? strength[below] / scale : 0.0, above < count ? strength[above] / scale : 0.0};
    }
    double width, reach, growth;
    ExponentialMean variance;
    double previous = 0.0;
    bool started = false;
    std::vector<double> centre, strength;  // strength times scale, which grows in place of all of them decaying
    double scale = 1.0;
    std::uint32_t count = 0;
    std::array<double, 4> nearest{};  // what is read after each update
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

    using Reading = Output;

    explicit RoundNumber(const std::vector<double>&) {}
    bool update(double price, double spacing) {
        const double ten = power_of_ten_below(spacing);
        const double lead = spacing / ten * (1.0 - ROUNDING);
        step = ten * (lead <= 1.0 ? 1.0 : lead <= 2.0 ? 2.0 : lead <= 5.0 ? 5.0 : 10.0);
        below = std::floor(price / step * (1.0 + ROUNDING));
        return true;
    }
    double read(const Output& output) const { return (below + static_cast<double>(output.index)) * step; }
    template <class A>
    void state(A&) {}
    /// The largest power of ten that is not above x; of those from 1e-30 to 1e30.
    static double power_of_ten_below(double x) {
        static const std::vector<double> powers = [] {
            std::vector<double> all;
            for (int i = -30; i <= 30; ++i) all.push_back(std::pow(10.0, i));
            return all;
        }();
        const auto above = std::upper_bound(powers.begin(), powers.end(), x);
        return above == powers.begin() ? powers.front() : *(above - 1);
    }
    static constexpr double ROUNDING = 1e-12;  // 0.3 is a multiple of 0.1
    double step = 1.0, below = 0.0;
};

inline std::vector<KernelInfo> levels_kernels() { return {entry<Zigzag>(), entry<Zones>(), entry<RoundNumber>()}; }

}  // namespace ratchet
