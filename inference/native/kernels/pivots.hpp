// Events in a series: how long ago, and at which value. Swing pivots, divergences and runs are expressions of these.
#pragma once
#include "kernels/kernel.hpp"

namespace ratchet {

/// Before the first event the bars since the start count, as if the event had been just before it.
struct BarsSince {
    static constexpr const char* NAME = "bars_since";
    static constexpr const char* FORMULA =
        "bars since the condition was last not 0 (or since the start), at most `cap`";
    static constexpr int ARITY = 1;
    static std::vector<Parameter> parameters() { return {{"cap", 1, 1e9, true}}; }
    static Settings examples() { return {{1}, {7}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    explicit BarsSince(const std::vector<double>& p) : cap(p[0]) {}
    double update(double condition) { return bars = condition != 0.0 ? 0.0 : std::min(bars + 1.0, cap); }
    void run(const double* condition, double* __restrict out, std::size_t n) {
        auto last = -static_cast<std::int64_t>(bars) - 1;  // bar of the last event, counted from the first of these
        for (std::size_t i = 0; i < n; ++i) {
            const auto now = static_cast<std::int64_t>(i), event = -static_cast<std::int64_t>(condition[i] != 0.0);
            last ^= (last ^ now) & event;  // a choice without a branch: events cannot be foretold
            out[i] = std::min(static_cast<double>(now - last), cap);
        }
        if (n > 0) bars = out[n - 1];
    }
    template <class A>
    void state(A& archive) {
        archive(bars);
    }
    double cap, bars = 0.0;
};

struct ValueWhen {
    static constexpr const char* NAME = "value_when";
    static constexpr const char* FORMULA =
        "the second input at the last bar whose condition (the first) was not 0, or `earlier` such bars before it; "
        "the third while there was none";
    static constexpr int ARITY = 3;
    static std::vector<Parameter> parameters() { return {{"earlier", 0, 1e5, true}}; }
    static Settings examples() { return {{0}, {1}, {5}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    explicit ValueWhen(const std::vector<double>& p) : values(static_cast<std::size_t>(p[0]) + 1) {}
    double update(double condition, double x, double otherwise) {
        if (condition != 0.0) values.push(x);
        return values.full() ? values.items[values.at] : otherwise;  // what the next push replaces is the oldest
    }
    template <class A>
    void state(A& archive) {
        archive(values);
    }
    Ring values;
};

inline std::vector<KernelInfo> pivot_kernels() { return {entry<BarsSince>(), entry<ValueWhen>()}; }

}  // namespace ratchet
