// Exponential smoothing: EMA, Wilder's average and RiskMetrics' EWMA are one recursion with three names.
#pragma once
#include <array>

#include "kernels/kernel.hpp"

namespace ratchet {

struct ExponentialMean {
    static constexpr const char* NAME = "exponential_mean";
    static constexpr const char* FORMULA = "m += alpha (x - m), seeded with the mean of the first `seed` values";
    static constexpr int ARITY = 1;
    static std::vector<Parameter> parameters() { return {{"alpha", 1e-9, 1, false}, {"seed", 1, 1e6, true}}; }
    static Settings examples() { return {{0.01, 1}, {0.01, 14}, {0.5, 14}, {1.0, 1}, {1.0, 14}}; }
    static int warm_up(const std::vector<double>& p) { return static_cast<int>(p[1]) - 1; }

    explicit ExponentialMean(const std::vector<double>& p)
        : alpha(p[0]), decay(1.0 - p[0]), seed(static_cast<std::int64_t>(p[1])) {
        powers[0] = decay;
        for (std::size_t i = 1; i < GROUP; ++i) powers[i] = powers[i - 1] * decay;
    }
    double update(double x) {
        if (count >= seed) return follow(x);
        mean += x;
        if (++count < seed) return NaN;
        return mean /= static_cast<double>(seed);
    }
    void run(const double* x, double* __restrict out, std::size_t n) {
        std::size_t i = 0;
        while (i < n && (count < seed || at > 0)) out[i] = update(x[i]), ++i;
        double before = mean;
        for (; i + GROUP <= n; i += GROUP) {
            double part = 0.0;
            for (std::size_t j = 0; j < GROUP; ++j) {
                part = decay * part + alpha * x[i + j];
                out[i + j] = powers[j] * before + part;
            }
            before = out[i + GROUP - 1];
        }
        mean = before;
        for (; i < n; ++i) out[i] = update(x[i]);
    }
    /// Whether the mean has its seed.
    bool seeded() const { return count >= seed; }
    template <class A>
    void state(A& archive) {
        archive(count), archive(mean), archive(group), archive(at);
    }

  private:
    /// In groups of bars: what is left of the mean before the group, and what the group has added. So a bar waits for
    /// those of its own group alone, and a processor has several groups under way.
    static constexpr std::size_t GROUP = 8;
    double follow(double x) {
        group = decay * group + alpha * x;
        const double now = powers[at] * mean + group;
        if (++at == GROUP) mean = now, group = 0.0, at = 0;
        return now;
    }
    double alpha, decay, mean = 0.0, group = 0.0;  // mean: before the group
    std::array<double, GROUP> powers{};            // of decay
    std::uint64_t at = 0;                          // in the group
    std::int64_t seed, count = 0;
};

inline std::vector<KernelInfo> smoothing_kernels() { return {entry<ExponentialMean>()}; }

}  // namespace ratchet
