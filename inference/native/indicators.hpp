// Small indicators over the columns of the bar that many features share: one node in place of a dozen.
#pragma once
#include "kernel.hpp"

namespace ratchet {

/// True range (Wilder 1978): of (high, low, close).
struct TrueRange {
    static constexpr const char* NAME = "true_range";
    static constexpr const char* FORMULA = "max(high - low, |high - previous close|, |low - previous close|)";
    static constexpr int ARITY = 3;
    static std::vector<Parameter> parameters() { return {}; }
    static Settings examples() { return {{}}; }
    static int warm_up(const std::vector<double>&) { return 1; }

    explicit TrueRange(const std::vector<double>&) {}
    double update(double high, double low, double close) {
        const double range = started ? std::max(high, previous) - std::min(low, previous) : NaN;
        previous = close;
        started = true;
        return range;
    }
    template <class A>
    void state(A& archive) {
        archive(previous), archive(started);
    }
    double previous = 0.0;
    bool started = false;  // there is no close before the first bar
};

/// Directional movement (Wilder 1978): of (high, low).
struct DirectionalMovement {
    static constexpr const char* NAME = "directional_movement";
    static constexpr const char* FORMULA =
        "side 1: the rise of the high where it exceeds the fall of the low and 0, else 0; side -1: the reverse";
    static constexpr int ARITY = 2;
    static std::vector<Parameter> parameters() { return {{"side", -1, 1, true}}; }
    static Settings examples() { return {{1}, {-1}}; }
    static int warm_up(const std::vector<double>&) { return 1; }

    explicit DirectionalMovement(const std::vector<double>& p) : side(p[0]) {}
    double update(double high, double low) {
        const double rise = high - last_high, fall = last_low - low;
        const double own = side > 0.0 ? rise : fall, other = side > 0.0 ? fall : rise;
        last_high = high;
        last_low = low;
        if (!std::exchange(started, true)) return NaN;
        return own > other && own > 0.0 ? own : 0.0;
    }
    template <class A>
    void state(A& archive) {
        archive(last_high), archive(last_low), archive(started);
    }
    double side, last_high = 0.0, last_low = 0.0;
    bool started = false;
};

inline std::vector<KernelInfo> indicator_kernels() { return {entry<TrueRange>(), entry<DirectionalMovement>()}; }

}  // namespace ratchet
