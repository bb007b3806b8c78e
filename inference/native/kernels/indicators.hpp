// Small indicators over the columns of the bar that many features share: one node in place of a dozen.
#pragma once
#include "kernels/kernel.hpp"
#include "kernels/smoothing.hpp"

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
        const double range = started ? of(high, low, previous) : NaN;
        previous = close;
        started = true;
        return range;
    }
    RATCHET_CLONES void run(const double* high, const double* low, const double* close, double* __restrict out,
                            std::size_t n) {
        out[0] = update(high[0], low[0], close[0]);
        for (std::size_t i = 1; i < n; ++i) out[i] = of(high[i], low[i], close[i - 1]);
        previous = close[n - 1];
    }
    template <class A>
    void state(A& archive) {
        archive(previous), archive(started);
    }
    static double of(double high, double low, double before) { return std::max(high, before) - std::min(low, before); }
    double previous = 0.0;
    bool started = false;  // there is no close before the first bar
};

/// Relative strength index (Wilder 1978), his averages begun by plain means.
struct RelativeStrength {
    static constexpr const char* NAME = "relative_strength";
    static constexpr const char* FORMULA =
        "100 gain / (gain + loss) of Wilder's averages of changes; 50 while none moved";
    static constexpr int ARITY = 1;
    static std::vector<Parameter> parameters() { return {{"bars", 1, 1e6, true}}; }
    static Settings examples() { return {{1}, {2}, {14}}; }
    static int warm_up(const std::vector<double>& p) { return static_cast<int>(p[0]); }

    explicit RelativeStrength(const std::vector<double>& p)
        : decay(1.0 - 1.0 / p[0]), weight(1.0 / p[0]), bars(static_cast<std::int64_t>(p[0])) {}
    double update(double x) {
        const double change = x - previous, rise = std::max(change, 0.0), size = std::abs(change);
        previous = x;
        if (count >= bars) {
            if (count == bars) ++count;
            gain = decay * gain + weight * rise;
            moved = decay * moved + weight * size;
        } else {
            if (count++ < 0) return NaN;
            gain += weight * rise;
            moved += weight * size;
            if (count < bars) return NaN;
        }
        return moved > 0.0 ? 100.0 * gain / moved : 50.0;
    }
    template <class A>
    void state(A& archive) {
        archive(previous), archive(gain), archive(moved), archive(count);
    }
    double decay, weight, previous = 0.0, gain = 0.0, moved = 0.0;
    std::int64_t bars, count = -1;  // changes seen so far; there is none on the first bar
};

/// Wilder's (1978) directional system: of (high, low, close). His sums decay by 1 / bars and begin with the plain sum
/// of bars - 1 values.
struct DirectionalIndex {
    static constexpr const char* NAME = "directional_index";
    static constexpr const char* FORMULA =
        "output 0, 1: 100 sum of upward, downward movement / sum of true ranges, 0 while nothing moved; 2: Wilder's "
        "average of 100 |up - down| / (up + down), which without any movement counts 0 while it is begun and then "
        "keeps";
    static constexpr int ARITY = 3;
    static std::vector<Parameter> parameters() { return {{"bars", 2, 1e6, true}, {"output", 0, 2, true}}; }
    static Settings examples() { return {{2, 0}, {14, 0}, {14, 1}, {14, 2}}; }
    static int warm_up(const std::vector<double>& p) { return static_cast<int>(p[1] == 2.0 ? 2.0 * p[0] - 1.0 : p[0]); }
    using Reading = Output;

    explicit DirectionalIndex(const std::vector<double>& p)
        : decay(1.0 - 1.0 / p[0]), bars(static_cast<std::int64_t>(p[0])), average({1.0 / p[0], p[0]}) {}
    bool update(double high, double low, double close) {
        const double rise = high - last_high, fall = last_low - low;
        const double range = std::max(high, last_close) - std::min(low, last_close);
        last_high = high, last_low = low, last_close = close;
        if (++count == 0) return false;
        const double keep = count < bars ? 1.0 : decay;
        // which of them moved further cannot be foretold: without a branch
        const double one = std::max(rise, 0.0), other = std::max(fall, 0.0);
        up = keep * up + (rise > fall ? one : 0.0);
        down = keep * down + (fall > rise ? other : 0.0);
        ranges = keep * ranges + range;
        if (ranges < LEAST) up = down = ranges = 0.0;  // what a long standstill has left is no direction
        if (count < bars) return false;
        const double both = up + down;
        if (both > 0.0 || !average.seeded()) {
            const double now = average.update(both > 0.0 ? 100.0 * std::abs(up - down) / both : 0.0);
            if (average.seeded()) adx = now;
        }
        return true;
    }
    double read(const Output& output) const {
        if (output.index == 2) return average.seeded() ? adx : NaN;
        return ranges > 0.0 ? 100.0 * (output.index == 0 ? up : down) / ranges : 0.0;
    }
    template <class A>
    void state(A& archive) {
        archive(last_high), archive(last_low), archive(last_close);
        archive(up), archive(down), archive(ranges), archive(count), archive(average), archive(adx);
    }
    static constexpr double LEAST = 1e-290;  // far below any price, and still of full precision

    double decay, last_high = 0.0, last_low = 0.0, last_close = 0.0, up = 0.0, down = 0.0, ranges = 0.0, adx = 0.0;
    std::int64_t bars, count = -1;
    ExponentialMean average;
};

inline std::vector<KernelInfo> indicator_kernels() {
    return {entry<TrueRange>(), entry<RelativeStrength>(), entry<DirectionalIndex>()};
}

}  // namespace ratchet
