// Exponential smoothing: EMA, Wilder's average and RiskMetrics' EWMA are one recursion with three names.
#pragma once
#include "kernel.hpp"

namespace ratchet {

struct ExponentialMean {
    static constexpr const char* NAME = "exponential_mean";
    static constexpr const char* FORMULA = "m += alpha (x - m), seeded with the mean of the first `seed` values";
    static constexpr int ARITY = 1;
    static std::vector<Parameter> parameters() { return {{"alpha", 1e-9, 1, false}, {"seed", 1, 1e6, true}}; }
    static Settings examples() { return {{0.01, 1}, {0.01, 14}, {0.5, 14}, {1.0, 1}, {1.0, 14}}; }
    static int warm_up(const std::vector<double>& p) { return static_cast<int>(p[1]) - 1; }

    explicit ExponentialMean(const std::vector<double>& p)
        : alpha(p[0]), decay(1.0 - p[0]), seed(static_cast<std::int64_t>(p[1])) {}
    double update(double x) {
        if (count >= seed) return mean = decay * mean + alpha * x;
        mean += x;
        if (++count < seed) return NaN;
        return mean /= static_cast<double>(seed);
    }
    template <class A>
    void state(A& archive) {
        archive(count), archive(mean);
    }
    double alpha, decay, mean = 0.0;
    std::int64_t seed, count = 0;
};

inline std::vector<KernelInfo> smoothing_kernels() { return {entry<ExponentialMean>()}; }

}  // namespace ratchet
