// Events in a series: how long ago, and at which value. Swing pivots, divergences and runs are expressions of these.
// Events cannot be foretold: many bars at once are run without a branch for them.
#pragma once
#include <array>

#include "kernels/kernel.hpp"
#include "kernels/ring.hpp"

namespace ratchet {

/// Before the first event the bars since the start count, as if the event had been just before it.
struct BarsSince {
    static constexpr const char* NAME = "bars_since";
    static constexpr const char* FORMULA =
        "bars since the condition was last not 0 (or since the start), at most `cap`";
    static constexpr int ARITY = 1;
    static constexpr bool ALWAYS_FINITE = true;
    static std::vector<Parameter> parameters() { return {{"cap", 1, 1e9, true}}; }
    static Settings examples() { return {{1}, {7}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    explicit BarsSince(const std::vector<double>& p) : cap(p[0]) {}
    double update(double condition) { return bars = condition != 0.0 ? 0.0 : std::min(bars + 1.0, cap); }
    void run(const double* condition, double* __restrict out, std::size_t n) {
        mark(condition, out, n);
        double last = -bars - 1.0;  // bar of the last event, counted from the first of these
        std::size_t i = 0;
        for (; i + 4 <= n; i += 4) {  // four wait for those before them once
            const double a = out[i], b = std::max(a, out[i + 1]), c = std::max(b, out[i + 2]);
            const double d = std::max(c, out[i + 3]);
            out[i] = std::max(last, a), out[i + 1] = std::max(last, b), out[i + 2] = std::max(last, c);
            out[i + 3] = last = std::max(last, d);
        }
        for (; i < n; ++i) out[i] = last = std::max(last, out[i]);
        count(out, n);
        if (n > 0) bars = out[n - 1];
    }
    template <class A>
    void state(A& archive) {
        archive(bars);
    }
    double cap, bars = 0.0;

  private:
    /// The number of each bar that has an event, and of the others one before all.
    RATCHET_CLONES static void mark(const double* condition, double* __restrict out, std::size_t n) {
        for (std::size_t i = 0; i < n; ++i)
            out[i] = condition[i] != 0.0 ? static_cast<double>(static_cast<std::int32_t>(i)) : -1e300;
    }
    /// From the bar of the last event on.
    RATCHET_CLONES void count(double* last, std::size_t n) const {
        for (std::size_t i = 0; i < n; ++i)
            last[i] = std::min(static_cast<double>(static_cast<std::int32_t>(i)) - last[i], cap);
    }
};

struct ValueWhen {
    static constexpr const char* NAME = "value_when";
    static constexpr const char* FORMULA =
        "the second input at the last bar whose condition (the first) was not 0, or `earlier` such bars before it; "
        "the third while there was none";
    static constexpr int ARITY = 3;
    static constexpr bool ALWAYS_FINITE = true;
    static std::vector<Parameter> parameters() { return {{"earlier", 0, 1e5, true}}; }
    static Settings examples() { return {{0}, {1}, {5}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    explicit ValueWhen(const std::vector<double>& p) : values(static_cast<std::size_t>(p[0]) + 1) {}
    double update(double condition, double x, double otherwise) {
        if (condition != 0.0) values.push(x);
        return values.full() ? values.items[values.at] : otherwise;  // what the next push replaces is the oldest
    }
    void run(const double* condition, const double* x, const double* otherwise, double* __restrict out, std::size_t n) {
        if (values.items.size() > FEW)
            for (std::size_t i = 0; i < n; ++i) out[i] = update(condition[i], x[i], otherwise[i]);
        else
            for (std::size_t i = 0; i < n; i += MOST)
                run_few(condition + i, x + i, otherwise + i, out + i, std::min(n - i, MOST));
    }
    template <class A>
    void state(A& archive) {
        archive(values);
    }
    Ring values;

  private:
    static constexpr std::size_t FEW = 16, MOST = 256;  // values, and bars at once

    /// All values in a row, oldest first: every bar's is written behind them, and stays there if there was an event.
    void run_few(const double* condition, const double* x, const double* otherwise, double* __restrict out,
                 std::size_t n) {
        const std::size_t size = values.items.size(), missing = size - values.filled;
        std::array<double, FEW + MOST> row;
        for (std::size_t k = 0; k < size; ++k) row[k] = values.items[(values.at + k) % size];
        std::size_t events = 0;
        for (std::size_t i = 0; i < n; ++i) {
            row[size + events] = x[i];
            events += condition[i] != 0.0;
            out[i] = row[events];
        }
        if (missing > 0)
            for (std::size_t i = 0, seen = 0; i < n; ++i)
                if ((seen += condition[i] != 0.0) < missing) out[i] = otherwise[i];
        for (std::size_t k = events - std::min(events, size); k < events; ++k) values.push(row[size + k]);
    }
};

inline std::vector<KernelInfo> pivot_kernels() { return {entry<BarsSince>(), entry<ValueWhen>()}; }

}  // namespace ratchet
