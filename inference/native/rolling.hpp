// Rolling windows of fixed length: lag, sum, mean, standard deviation. O(1) per bar.
#pragma once
#include <array>

#include "kernel.hpp"

namespace ratchet {

inline std::vector<Parameter> window_parameter(double low) { return {{"window", low, 1e6, true}}; }

struct Lag {
    static constexpr const char* NAME = "lag";
    static constexpr const char* FORMULA = "the value `bars` bars ago";
    static constexpr int ARITY = 1;
    static std::vector<Parameter> parameters() { return {{"bars", 1, 1e6, true}}; }
    static Settings examples() { return {{1}, {13}}; }
    static int warm_up(const std::vector<double>& p) { return static_cast<int>(p[0]); }

    explicit Lag(const std::vector<double>& p) : window(static_cast<std::size_t>(p[0])) {}
    void run(const double* x, double* __restrict out, std::size_t n) {
        const std::size_t size = window.items.size(), unknown = std::min(n, size - window.filled);
        const std::size_t kept = std::min(n, size);  // as many come from the window, and as many go in
        for (std::size_t i = 0, m = 0; i < kept; i += m) {
            m = std::min(kept - i, window.room());
            std::copy_n(window.items.data() + window.at, m, out + i);
            window.put(x + (n - kept) + i, m);
        }
        std::copy_n(x, n - kept, out + kept);
        std::fill_n(out, unknown, NaN);
    }
    template <class A>
    void state(A& archive) {
        archive(window);
    }
    Ring window;
};

/// A running sum in groups: what came before the present group, and the sum inside it. So an addition waits for those
/// of its own group alone, and a processor has several groups under way.
struct GroupedSum {
    static constexpr std::size_t GROUP = 8;
    double before = 0.0, group = 0.0;

    double add(double x, bool last_of_group) {
        group += x;
        const double sum = before + group;
        if (last_of_group) before = sum, group = 0.0;
        return sum;
    }
};

/// Sum of a window without a single subtraction: what stays of the last turn of the ring (a suffix sum) plus what came
/// in this turn. So rounding never accumulates, and a window of values >= 0 never sums below 0.
struct WindowSum {
    std::vector<double> suffix;
    GroupedSum turn;

    explicit WindowSum(std::size_t size) : suffix(size + 1, 0.0) {}
    /// The sum once x stands at place `at` of the ring. `so_far`: `turn`, which a loop holds in registers.
    double push(GroupedSum& so_far, double x, std::size_t at) const {
        return suffix[at + 1] + so_far.add(x, (at + 1) % GroupedSum::GROUP == 0);
    }
    /// Starts a turn: `item(i)` is what stands at place i.
    template <class Item>
    void start_turn(Item item) {
        GroupedSum sum;
        for (std::size_t i = suffix.size() - 1; i-- > 0;) suffix[i] = sum.add(item(i), i % GroupedSum::GROUP == 0);
        turn = {};
    }
    template <class A>
    void state(A& archive) {
        archive(suffix), archive(turn);
    }
};

struct RollingSum {
    static constexpr const char* NAME = "rolling_sum";
    static constexpr const char* FORMULA = "sum of the last `window` values";
    static constexpr int ARITY = 1;
    static std::vector<Parameter> parameters() { return window_parameter(1); }
    static Settings examples() { return {{1}, {2}, {3}, {17}}; }
    static int warm_up(const std::vector<double>& p) { return static_cast<int>(p[0]) - 1; }

    explicit RollingSum(const std::vector<double>& p)
        : window(static_cast<std::size_t>(p[0])), total(static_cast<std::size_t>(p[0])) {}
    void run(const double* x, double* __restrict out, std::size_t n) {
        const std::size_t unready = std::min(n, window.unready());
        for (std::size_t i = 0, m = 0; i < n; i += m) {
            m = std::min(n - i, window.room());
            GroupedSum turn = total.turn;
            for (std::size_t j = 0; j < m; ++j) out[i + j] = total.push(turn, x[i + j], window.at + j);
            total.turn = turn;
            if (window.put(x + i, m)) total.start_turn([this](std::size_t place) { return window.items[place]; });
        }
        std::fill_n(out, unready, NaN);
    }
    template <class A>
    void state(A& archive) {
        archive(window), archive(total);
    }
    Ring window;
    WindowSum total;
};

struct RollingMean : RollingSum {
    static constexpr const char* NAME = "rolling_mean";
    static constexpr const char* FORMULA = "mean of the last `window` values";
    explicit RollingMean(const std::vector<double>& p) : RollingSum(p), inverse(1.0 / p[0]) {}
    void run(const double* x, double* __restrict out, std::size_t n) {
        RollingSum::run(x, out, n);
        for (std::size_t i = 0; i < n; ++i) out[i] *= inverse;
    }
    double inverse;
};

/// Sums of deviations and of their squares from a value inside the window, chosen anew with each turn of the ring: the
/// one nearest to the mean, so that a spike is never the origin.
struct RollingStd {
    static constexpr const char* NAME = "rolling_std";
    static constexpr const char* FORMULA = "sample standard deviation (ddof 1) of the last `window` values";
    static constexpr int ARITY = 1;
    static std::vector<Parameter> parameters() { return window_parameter(2); }
    static Settings examples() { return {{2}, {3}, {17}}; }
    static int warm_up(const std::vector<double>& p) { return static_cast<int>(p[0]) - 1; }

    explicit RollingStd(const std::vector<double>& p)
        : window(static_cast<std::size_t>(p[0])),
          first(static_cast<std::size_t>(p[0])),
          second(static_cast<std::size_t>(p[0])),
          inverse(1.0 / p[0]),
          inverse_less_one(1.0 / (p[0] - 1.0)) {}
    void run(const double* x, double* __restrict out, std::size_t n) {
        std::array<double, 256> sums;
        for (std::size_t i = 0, m = 0; i < n; i += m) {
            m = std::min(n - i, sums.size());
            const std::size_t unready = std::min(m, window.unready());
            sum_up(x + i, sums.data(), out + i, m);
            deviations(sums.data(), out + i, m, inverse, inverse_less_one);
            std::fill_n(out + i, unready, NaN);
        }
    }
    template <class A>
    void state(A& archive) {
        archive(window), archive(first), archive(second), archive(origin);
    }

  private:
    void sum_up(const double* x, double* __restrict sums, double* __restrict squares, std::size_t n) {
        if (window.filled == 0) origin = x[0];
        for (std::size_t i = 0, m = 0; i < n; i += m) {
            m = std::min(n - i, window.room());
            GroupedSum turn = first.turn, turn_of_squares = second.turn;
            for (std::size_t j = 0; j < m; ++j) {
                const double d = x[i + j] - origin;
                sums[i + j] = first.push(turn, d, window.at + j);
                squares[i + j] = second.push(turn_of_squares, d * d, window.at + j);
            }
            first.turn = turn, second.turn = turn_of_squares;
            if (window.put(x + i, m)) start_turn(origin + sums[i + m - 1] * inverse);
        }
    }
    RATCHET_CLONES static void deviations(const double* sums, double* __restrict squares, std::size_t n, double inverse,
                                          double inverse_less_one) {
        for (std::size_t i = 0; i < n; ++i) {
            const double variance = (squares[i] - sums[i] * sums[i] * inverse) * inverse_less_one;
            squares[i] = std::sqrt(variance > 0.0 ? variance : 0.0);
        }
    }
    void start_turn(double mean) {
        origin = nearest(window.items.data(), window.items.size(), mean);
        auto d = [this](std::size_t place) { return window.items[place] - origin; };
        first.start_turn(d);
        second.start_turn([d](std::size_t place) { return d(place) * d(place); });
    }
    /// The item nearest to the mean: the best of those at every eighth place, then of these.
    RATCHET_CLONES static double nearest(const double* items, std::size_t n, double mean) {
        constexpr std::size_t LANES = 8;
        std::array<double, LANES> gaps, found;
        gaps.fill(std::numeric_limits<double>::max());
        found.fill(mean);
        auto see = [&](std::size_t lane, double item) {
            const double gap = std::abs(item - mean);
            found[lane] = gap < gaps[lane] ? item : found[lane];
            gaps[lane] = gap < gaps[lane] ? gap : gaps[lane];
        };
        std::size_t i = 0;
        for (; i + LANES <= n; i += LANES)
            for (std::size_t lane = 0; lane < LANES; ++lane) see(lane, items[i + lane]);
        for (std::size_t lane = 0; i + lane < n; ++lane) see(lane, items[i + lane]);
        return found[static_cast<std::size_t>(std::min_element(gaps.begin(), gaps.end()) - gaps.begin())];
    }
    Ring window;
    WindowSum first, second;
    double inverse, inverse_less_one, origin = 0.0;
};

inline std::vector<KernelInfo> rolling_kernels() {
    return {entry<Lag>(), entry<RollingSum>(), entry<RollingMean>(), entry<RollingStd>()};
}

}  // namespace ratchet
