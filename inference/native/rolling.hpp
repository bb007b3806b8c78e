// Rolling windows of fixed length: lag, sum, mean, standard deviation. O(1) per bar.
#pragma once
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
    double update(double x) {
        bool ready = window.full();
        double old = window.push(x);
        return ready ? old : NaN;
    }
    template <class A>
    void state(A& archive) {
        archive(window);
    }
    Ring window;
};

/// Sum of a window without a single subtraction: what stays of the last turn of the ring (a suffix sum) plus what came
/// in this turn. So rounding never accumulates, and a window of values >= 0 never sums below 0.
struct WindowSum {
    std::vector<double> suffix;
    double turn = 0.0;

    explicit WindowSum(std::size_t size) : suffix(size + 1, 0.0) {}
    /// The sum once x stands at place `at` of the ring.
    double push(double x, std::uint32_t at) {
        turn += x;
        return suffix[at + 1] + turn;
    }
    /// Starts a turn: `item(i)` is what stands at place i.
    template <class Item>
    void start_turn(Item item) {
        for (std::size_t i = suffix.size() - 1; i-- > 0;) suffix[i] = suffix[i + 1] + item(i);
        turn = 0.0;
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
    double update(double x) {
        const double sum = total.push(x, window.at);
        window.push(x);
        if (window.at == 0) total.start_turn([this](std::size_t i) { return window.items[i]; });
        return window.full() ? sum : NaN;
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
    double update(double x) { return RollingSum::update(x) * inverse; }
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
    double update(double x) {
        if (window.filled == 0) origin = x;
        const double d = x - origin;
        const double sum = first.push(d, window.at), squares = second.push(d * d, window.at);
        window.push(x);
        if (window.at == 0) start_turn(origin + sum * inverse);
        if (!window.full()) return NaN;
        const double variance = (squares - sum * sum * inverse) * inverse_less_one;
        return variance > 0.0 ? std::sqrt(variance) : 0.0;
    }
    template <class A>
    void state(A& archive) {
        archive(window), archive(first), archive(second), archive(origin);
    }

  private:
    void start_turn(double mean) {
        double nearest = std::numeric_limits<double>::max(), found = mean;
        for (double item : window.items) {
            const double gap = std::abs(item - mean);
            found = gap < nearest ? item : found;
            nearest = gap < nearest ? gap : nearest;
        }
        origin = found;
        first.turn = second.turn = 0.0;
        for (std::size_t i = window.items.size(); i-- > 0;) {
            const double d = window.items[i] - origin;
            first.suffix[i] = first.suffix[i + 1] + d;
            second.suffix[i] = second.suffix[i + 1] + d * d;
        }
    }
    Ring window;
    WindowSum first, second;
    double inverse, inverse_less_one, origin = 0.0;
};

inline std::vector<KernelInfo> rolling_kernels() {
    return {entry<Lag>(), entry<RollingSum>(), entry<RollingMean>(), entry<RollingStd>()};
}

}  // namespace ratchet
