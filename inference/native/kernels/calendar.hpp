// What the clock says about the bar to come: seasonality by time of day or week.
#pragma once
#include "kernels/kernel.hpp"

namespace ratchet {

/// A zone's wall clock: of (time), time in microseconds since 1970.
struct LocalTime {
    static constexpr const char* NAME = "local_time";
    static constexpr const char* FORMULA =
        "time + the offset of its zone then; offsets: the first, then the time of each change and the offset from it "
        "on";
    static constexpr int ARITY = 1;
    static std::vector<Parameter> parameters() { return {{"offsets", -1e15, 1e16, true, true}}; }
    static Settings examples() { return {{3600e6}, {-7200e6, 900e6, 3600e6, 2400e6, -1800e6}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    explicit LocalTime(const std::vector<double>& p) : offset(p[0]) {
        changes.push_back({-std::numeric_limits<double>::infinity(), p[0]});
        for (std::size_t i = 1; i + 1 < p.size(); i += 2) changes.push_back({p[i], p[i + 1]});
        const bool ascend = std::is_sorted(changes.begin(), changes.end(),
                                           [](const Change& a, const Change& b) { return a.from <= b.from; });
        if (p.size() % 2 == 0 || !ascend)
            throw std::invalid_argument(message("local_time.offsets",
                                                "must be one offset, and pairs of ascending times and offsets",
                                                std::to_string(p.size()) + " numbers", "take them from zone_offsets"));
    }
    double update(double time) {
        if (!(time >= from && time < until)) find(time);
        return time + offset;
    }
    template <class A>
    void state(A&) {}  // what it knows follows from the time

  private:
    struct Change {
        double from, offset;
    };
    void find(double time) {
        const auto next = std::upper_bound(changes.begin(), changes.end(), time,
                                           [](double t, const Change& change) { return t < change.from; });
        from = std::prev(next)->from;
        offset = std::prev(next)->offset;
        until = next == changes.end() ? std::numeric_limits<double>::infinity() : next->from;
    }
    std::vector<Change> changes;
    double offset, from = 0.0, until = 0.0;  // in force for the last time, and how long: at first for none
};

/// How much larger than usual a quantity tends to be in the slot of the clock that begins at this bar's close: of
/// (quantity, before, time), time = close of the bar in microseconds on a clock, before: the same as the bar saw it,
/// which differs where the clock changes at the close. A bar counts for the slot in which it opened, taken as that of
/// the moment before its close. Means decay per visit of a slot (Andersen and Bollerslev 1997, Journal of Empirical
/// Finance 4, estimate such a periodic factor over the whole sample; this one is causal).
struct SeasonalFactor {
    static constexpr const char* NAME = "seasonal_factor";
    static constexpr const char* FORMULA =
        "decayed mean of a in the slot that begins now (or, past the first period, the next one seen) / mean over the "
        "slots seen; 1 until that slot has been seen";
    static constexpr int ARITY = 3;
    static std::vector<Parameter> parameters() {
        return {{"period_us", 1, 1e15, true}, {"slots", 2, 1e4, true}, {"decay", 0, 0.9999, false}};
    }
    static Settings examples() { return {{600e6, 10, 0.9}, {420e6, 7, 0.0}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    explicit SeasonalFactor(const std::vector<double>& p)
        : period(p[0]), slots(p[1]), decay(p[2]), mean(static_cast<std::size_t>(p[1]), 0.0), weight(mean.size(), 0.0) {}
    double update(double x, double before, double time) {
        if (seen == 0.0) first = time;
        const std::size_t own = slot(before - 1.0);
        const double old = weight[own] > 0.0 ? mean[own] : 0.0;
        seen += weight[own] > 0.0 ? 0.0 : 1.0;
        weight[own] = decay * weight[own] + 1.0;
        mean[own] += (x - mean[own]) * (1.0 / weight[own]);  // the division need not wait for the mean
        sum += mean[own] - old;
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
        known = std::min(static_cast<std::size_t>(phase * slots / period), mean.size() - 1);
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

inline std::vector<KernelInfo> calendar_kernels() { return {entry<LocalTime>(), entry<SeasonalFactor>()}; }

}  // namespace ratchet
