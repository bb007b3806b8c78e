// Rolling windows of fixed length: lag, sum, mean, standard deviation. O(1) per bar.
#pragma once
#include <array>

#include "kernels/kernel.hpp"
#include "kernels/lanes.hpp"
#include "kernels/ring.hpp"
#include "kernels/window_fold.hpp"

namespace ratchet {

struct Lag {
    static constexpr const char* NAME = "lag";
    static constexpr const char* FORMULA = "the value `bars` bars ago";
    static constexpr int ARITY = 1;
    static constexpr bool ALWAYS_FINITE = true;
    static std::vector<Parameter> parameters() { return {{"bars", 1, 1e6, true}}; }
    static Settings examples() { return {{1}, {13}}; }
    static int warm_up(const std::vector<double>& p) { return static_cast<int>(p[0]); }

    explicit Lag(const std::vector<double>& p) : window(static_cast<std::size_t>(p[0])) {}
    double update(double x) {
        const bool ready = window.full();
        const double old = window.push(x);
        return ready ? old : NaN;
    }
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

struct Sum {
    static constexpr double NONE = 0.0;
    template <class T>
    RATCHET_INLINE T operator()(const T& older, const T& newer) const {
        return older + newer;
    }
};

struct RollingSum : RollingFold<Sum> {
    static constexpr const char* NAME = "rolling_sum";
    static constexpr const char* FORMULA = "sum of the last `window` values";
    using RollingFold::RollingFold;
};

struct RollingMean : RollingSum {
    static constexpr const char* NAME = "rolling_mean";
    static constexpr const char* FORMULA = "mean of the last `window` values";
    explicit RollingMean(const std::vector<double>& p) : RollingSum(p), inverse(1.0 / p[0]) {}
    double update(double x) { return RollingSum::update(x) * inverse; }
    void run(const double* x, double* __restrict out, std::size_t n) {
        RollingSum::run(x, out, n);
        scale(out, n);
    }
    RATCHET_CLONES void scale(double* sums, std::size_t n) const {
        for (std::size_t i = 0; i < n; ++i) sums[i] *= inverse;
    }
    double inverse;
};

/// Sum of a window without a single subtraction, anew for each turn of the ring, which may be told in other numbers:
/// what stays of the last turn (a suffix sum) plus what came in this one. Both are summed in groups of places, and the
/// groups' sums then: an addition waits for those of its own group alone, and a processor has several groups under way.
struct TurnSum {
    std::vector<double> suffix;
    double before = 0.0, group = 0.0;  // of this turn: the groups that are over, the present one

    explicit TurnSum(std::size_t size) : suffix(size + 1, 0.0) {}
    /// The sum once x stands at place `at` of the ring.
    double push(double x, std::size_t at) {
        group += x;
        const double turn = before + group;
        if ((at + 1) % GROUP == 0) before = turn, group = 0.0;
        return suffix[at + 1] + turn;
    }
    /// The same for x[0] to x[n - 1], which stand at places from `at` on.
    void push(const double* x, double* __restrict out, std::size_t n, std::size_t at) {
        const double* kept = suffix.data() + at + 1;
        double whole = before, part = group;
        auto add = [&](std::size_t i) {
            part += x[i];
            out[i] = kept[i] + (whole + part);
        };
        for (std::size_t i = 0; i < n;) {
            const std::size_t end = std::min(n, i + GROUP - (at + i) % GROUP);
            if (end - i == GROUP)
                for (std::size_t j = 0; j < GROUP; ++j) add(i + j);
            else
                for (std::size_t j = i; j < end; ++j) add(j);
            i = end;
            if ((at + i) % GROUP == 0) whole += part, part = 0.0;
        }
        before = whole, group = part;
    }
    /// Starts a turn: `item(i)` is what stands at place i.
    template <class Item>
    void start_turn(Item item) {
        double* __restrict to = suffix.data();
        double whole = 0.0;
        std::size_t i = suffix.size() - 1;
        for (double part = 0.0; i % GROUP; to[i] = whole = part) part += item(--i);
        while (i > 0) {
            i -= GROUP;
            double part = 0.0;
            for (std::size_t j = GROUP; j-- > 0; to[i + j] = whole + part) part += item(i + j);
            whole += part;
        }
        before = group = 0.0;
    }
    template <class A>
    void state(A& archive) {
        archive(suffix), archive(before), archive(group);
    }

  private:
    static constexpr std::size_t GROUP = 8;
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
    double update(double x) {
        if (window.filled == 0) origin = x;
        const double d = x - origin;
        const double sum = first.push(d, window.at), squares = second.push(d * d, window.at);
        window.push(x);
        if (window.at == 0) start_turn(origin + sum * inverse);
        return window.full() ? deviation(sum, squares) : NaN;
    }
    void run(const double* x, double* __restrict out, std::size_t n) {
        std::array<double, MOST> sums;
        for (std::size_t i = 0, m = 0; i < n; i += m) {
            m = std::min(n - i, sums.size());
            const std::size_t unready = std::min(m, window.unready());
            sum_up(x + i, sums.data(), out + i, m);
            deviations(sums.data(), out + i, m);
            std::fill_n(out + i, unready, NaN);
        }
    }
    template <class A>
    void state(A& archive) {
        archive(window), archive(first), archive(second), archive(origin);
    }

  private:
    static constexpr std::size_t MOST = 256;  // bars at once
    void sum_up(const double* x, double* __restrict sums, double* __restrict squares, std::size_t n) {
        if (window.filled == 0) origin = x[0];
        std::array<double, MOST> d, d_squared;
        for (std::size_t i = 0, m = 0; i < n; i += m) {
            m = std::min(n - i, window.room());
            for (std::size_t j = i; j < i + m; ++j) {
                d[j] = x[j] - origin;
                d_squared[j] = d[j] * d[j];
            }
            first.push(d.data() + i, sums + i, m, window.at);
            second.push(d_squared.data() + i, squares + i, m, window.at);
            if (window.put(x + i, m)) start_turn(origin + sums[i + m - 1] * inverse);
        }
    }
    double deviation(double sum, double squares) const {
        const double variance = (squares - sum * sum * inverse) * inverse_less_one;
        return std::sqrt(variance > 0.0 ? variance : 0.0);
    }
    RATCHET_CLONES void deviations(const double* sums, double* __restrict squares, std::size_t n) const {
        for (std::size_t i = 0; i < n; ++i) squares[i] = deviation(sums[i], squares[i]);
    }
    void start_turn(double mean) {
        origin = nearest(window.items.data(), window.items.size(), mean);
        const auto d = [items = window.items.data(), from = origin](std::size_t i) { return items[i] - from; };
        first.start_turn(d);
        second.start_turn([d](std::size_t i) { return d(i) * d(i); });
    }
    /// The item nearest to the mean: the best of those at every eighth place, then of these.
    RATCHET_CLONES static double nearest(const double* items, std::size_t n, double mean) {
        const double most = std::numeric_limits<double>::max();
        Four gap_a = all(most), gap_b = gap_a, found_a = all(mean), found_b = found_a;
        std::size_t i = 0;
        for (; i + 2 * FOUR <= n; i += 2 * FOUR) {
            const Four a = load(items + i), b = load(items + i + FOUR);
            const Four away_a = absolute(a - mean), away_b = absolute(b - mean);
            found_a = away_a < gap_a ? a : found_a, found_b = away_b < gap_b ? b : found_b;
            gap_a = away_a < gap_a ? away_a : gap_a, gap_b = away_b < gap_b ? away_b : gap_b;
        }
        double gaps[2 * FOUR], found[2 * FOUR];
        store(gaps, gap_a), store(gaps + FOUR, gap_b), store(found, found_a), store(found + FOUR, found_b);
        for (std::size_t lane = 0; i + lane < n; ++lane) {  // which is nearer cannot be foretold: without a branch
            const double item = items[i + lane], gap = std::abs(item - mean);
            found[lane] = gap < gaps[lane] ? item : found[lane];
            gaps[lane] = gap < gaps[lane] ? gap : gaps[lane];
        }
        gap_a = load(gaps), gap_b = load(gaps + FOUR);
        const Four least = all(folded(Smaller()(gap_a, gap_b), Smaller())), none = all(2.0 * FOUR);
        const Four place = Smaller()(gap_a == least ? count_from(0.0) : none, gap_b == least ? count_from(FOUR) : none);
        return found[static_cast<std::size_t>(folded(place, Smaller()))];
    }
    Ring window;
    TurnSum first, second;
    double inverse, inverse_less_one, origin = 0.0;
};

inline std::vector<KernelInfo> rolling_kernels() {
    return {entry<Lag>(), entry<RollingSum>(), entry<RollingMean>(), entry<RollingStd>()};
}

}  // namespace ratchet
