// Price levels: the live swing (zigzag), in logarithms, so that distances are fractions; round numbers, in prices.
#pragma once
#include <algorithm>
#include <array>

#include "kernels/kernel.hpp"

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
        turns(high, low, threshold);
        return true;
    }
    /// Feeds one bar; whether a turning point was confirmed on it (or it is the first bar).
    bool turns(double high, double low, double threshold) {
        if (++now == 0) {
            extreme = high;
            points.fill(low);
            return true;
        }
        // whether a bar makes a new extreme cannot be foretold: without a branch
        const bool rises = direction > 0.0;
        const bool further = rises ? high >= extreme : low <= extreme;
        const double retraced = rises ? extreme - low : high - extreme;
        if (!further & (retraced >= threshold)) {
            std::move_backward(points.begin(), points.end() - 1, points.end());
            points[0] = extreme;
            point_at = extreme_at;
            direction = -direction;
            extreme = rises ? low : high;
            extreme_at = now;
            return true;
        }
        extreme = rises ? std::max(extreme, high) : std::min(extreme, low);
        extreme_at = further ? now : extreme_at;
        return false;
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
        if (!(spacing >= ten && spacing < next_ten)) find_ten(spacing);
        const double lead = spacing / ten * (1.0 - ROUNDING);
        step = ten * (lead <= 1.0 ? 1.0 : lead <= 2.0 ? 2.0 : lead <= 5.0 ? 5.0 : 10.0);
        below = std::floor(price / step * (1.0 + ROUNDING));
        return true;
    }
    double read(const Output& output) const { return (below + static_cast<double>(output.index)) * step; }
    template <class A>
    void state(A&) {}

  private:
    /// The largest power of ten that is not above x, and the next one; of those from 1e-30 to 1e30.
    void find_ten(double x) {
        static const std::vector<double> powers = [] {
            std::vector<double> all;
            for (int i = -30; i <= 30; ++i) all.push_back(std::pow(10.0, i));
            return all;
        }();
        const auto found = std::upper_bound(powers.begin() + 1, powers.end(), x);
        ten = *(found - 1);
        next_ten = found == powers.end() ? std::numeric_limits<double>::max() : *found;
    }
    static constexpr double ROUNDING = 1e-12;  // 0.3 is a multiple of 0.1
    double step = 1.0, below = 0.0;
    double ten = 1.0, next_ten = 1.0;  // kept while the spacing is between them: at first never
};

inline std::vector<KernelInfo> levels_kernels() { return {entry<Zigzag>(), entry<RoundNumber>()}; }

}  // namespace ratchet
