// What the clock says about the bar to come: seasonality by time of day or week.
#pragma once
#include "kernel.hpp"

namespace ratchet {

/// How much larger than usual a quantity tends to be in the slot of the clock that begins at this bar's close: of
/// (quantity, time), time = close of the bar in microseconds since 1970. A bar counts for the slot in which it opened,
/// taken as that of the moment before its close. Means decay per visit of a slot (Andersen and Bollerslev 1997, Journal
/// of Empirical Finance 4, estimate such a periodic factor over the whole sample; this one is causal).
struct SeasonalFactor {
    static constexpr const char* NAME = "seasonal_factor";
    static constexpr const char* FORMULA =
        "decayed mean of a in the slot that begins now (or, past the first period, the next one seen) / mean over the "
        "slots seen; 1 until that slot has been seen";
    static constexpr int ARITY = 2;
    static std::vector<Parameter> parameters() {
        return {{"period_us", 1, 1e15, true}, {"slots", 2, 1e4, true}, {"decay", 0, 0.9999, false}};
    }
    static Settings examples() { return {{600e6, 10, 0.9}, {420e6, 7, 0.0}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    explicit SeasonalFactor(const std::vector<double>& p)
        : period(p[0]), slots(p[1]), decay(p[2]), mean(static_cast<std::size_t>(p[1]), 0.0), weight(mean.size(), 0.0) {}
    double update(double x, double time) {
        if (seen == 0.0) first = time;
        const std::size_t own = slot(time - 1.0);
        const double before = weight[own] > 0.0 ? mean[own] : 0.0;
        seen += weight[own] > 0.0 ? 0.0 : 1.0;
        weight[own] = decay * weight[own] + 1.0;
        mean[own] += (x - mean[own]) * (1.0 / weight[own]);  // the division need not wait for the mean
        sum += mean[own] - before;
        if (++turn >= mean.size()) {  // summed afresh now and then, so that rounding never accumulates
            turn = 0;
            sum = 0.0;
            for (double each : mean) sum += each;  // slots not seen are 0
        }
        std::size_t next = slot(time);
        if (time - first >= period)  // a slot without bars is one in which the market is closed: what opens after it?
            for (std::size_t i = 1; i < mean.size() && !(weight[next] > 0.0); ++i)
                next = next + 1 == mean.size() ? 0 : next + 1;
        return weight[next] > 0.0 && sum != 0.0 ? mean[next] * seen / sum : 1.0;
    }
    template <class A>
    void state(A& archive) {
        archive(mean), archive(weight), archive(sum), archive(seen), archive(first), archive(turn);
    }

  private:
    /// Well inside the slot that was asked for last it is known.
    std::size_t slot(double time) {
        if (time > begin && time < end) return known;
        const double phase = time - std::floor(time / period) * period, margin = 1.0 + 1e-9 * period;
        known = std::min(static_cast<std::size_t>(phase / period * slots), mean.size() - 1);
        begin = time - phase + static_cast<double>(known) * (period / slots) + margin;
        end = begin + period / slots - 2.0 * margin;
        return known;
    }
    double period, slots, decay;
    std::vector<double> mean, weight;
    double sum = 0.0, seen = 0.0, first = 0.0;
    std::uint64_t turn = 0;
    std::size_t known = 0;
    double begin = 0.0, end = 0.0;  // between which a time is of the known slot: at first nowhere
};

inline std::vector<KernelInfo> calendar_kernels() { return {entry<SeasonalFactor>()}; }

}  // namespace ratchet
