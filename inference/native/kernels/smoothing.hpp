// Exponential smoothing: EMA, Wilder's average and RiskMetrics' EWMA are one recursion with three names.
#pragma once
#include <array>

#include "kernels/kernel.hpp"
#include "kernels/lanes.hpp"

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
        const std::size_t whole = (n - i) / GROUP * GROUP;
        follow_groups(x + i, out + i, whole);
        for (i += whole; i < n; ++i) out[i] = update(x[i]);
    }
    /// Whether the mean has its seed.
    bool seeded() const { return count >= seed; }
    template <class A>
    void state(A& archive) {
        archive(count), archive(mean), archive(half), archive(last), archive(pair_ago), archive(pair_two_ago);
        archive(at);
    }

  private:
    /// In groups of bars: what is left of the mean before the group, and what the group has added, of four bars at once
    /// (each with the one before, then with what the two before those have). So a bar waits for few others, and a
    /// processor has several groups under way.
    static constexpr std::size_t GROUP = 2 * FOUR;
    double follow(double x) {
        const double own = alpha * x, pair = own + decay * last, four = pair + powers[1] * pair_two_ago;
        const double added = at < FOUR ? four : four + powers[at - FOUR] * half, now = powers[at] * mean + added;
        last = own, pair_two_ago = pair_ago, pair_ago = pair;
        if (++at % FOUR == 0) half = added, last = pair_ago = pair_two_ago = 0.0;
        if (at == GROUP) mean = now, at = 0;
        return now;
    }
    RATCHET_CLONES void follow_groups(const double* x, double* __restrict out, std::size_t n) {
        const Four early = load(powers.data()), late = load(powers.data() + FOUR);
        const double own = alpha, one = decay, two = powers[1], all_powers = powers[GROUP - 1];
        double before = mean;
        for (std::size_t i = 0; i < n; i += GROUP) {
            const Four first = four_bars(own * load(x + i), one, two);
            const Four second = four_bars(own * load(x + i + FOUR), one, two) + early * first[FOUR - 1];
            store(out + i, early * before + first);
            store(out + i + FOUR, late * before + second);
            before = all_powers * before + second[FOUR - 1];
        }
        mean = before;
    }
    RATCHET_INLINE static Four four_bars(const Four& own, double one, double two) {
        const Four pairs = own + one * __builtin_shufflevector(Four{}, own, 3, 4, 5, 6);
        return pairs + two * __builtin_shufflevector(Four{}, pairs, 2, 3, 4, 5);
    }
    double alpha, decay, mean = 0.0;                        // before the group
    double half = 0.0;                                      // added by the first four of the group
    double last = 0.0, pair_ago = 0.0, pair_two_ago = 0.0;  // of the present four
    std::array<double, GROUP> powers{};                     // of decay
    std::uint64_t at = 0;                                   // in the group
    std::int64_t seed, count = 0;
};

inline std::vector<KernelInfo> smoothing_kernels() { return {entry<ExponentialMean>()}; }

}  // namespace ratchet
