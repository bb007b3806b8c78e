// Rolling quantile and rank over a sorted copy of the window: a binary search and one short memmove per bar.
#pragma once
#include <algorithm>

#include "kernel.hpp"

namespace ratchet {

/// std::lower_bound without a branch: where a value falls in a window cannot be foretold.
inline const double* lower_bound(const double* from, std::size_t count, double x) {
    while (count > 1) {
        const std::size_t half = count / 2;
        from += half & -static_cast<std::size_t>(from[half - 1] < x);
        count -= half;
    }
    return from + (count == 1 && *from < x);
}

struct SortedWindow {
    Ring window;
    std::vector<double> sorted;
    std::uint32_t count = 0;

    explicit SortedWindow(std::size_t size) : window(size), sorted(size, 0.0) {}
    void push(double x) {
        double* begin = sorted.data();
        if (window.full()) {  // one shift of what lies between the value that leaves and the one that enters
            double old = window.push(x);
            double* gone = begin + (lower_bound(begin, count, old) - begin);
            double* place = begin + (lower_bound(begin, count, x) - begin);
            if (place > gone) {
                --place;
                std::move(gone + 1, place + 1, gone);
            } else {
                std::move_backward(place, gone, gone + 1);
            }
            *place = x;
        } else {
            window.push(x);
            double* place = begin + (lower_bound(begin, count, x) - begin);
            std::move_backward(place, begin + count, begin + count + 1);
            *place = x;
            ++count;
        }
    }
    template <class A>
    void state(A& archive) {
        archive(window), archive(sorted), archive(count);
    }
};

struct RollingQuantile {
    static constexpr const char* NAME = "rolling_quantile";
    static constexpr const char* FORMULA =
        "quantile of the last `window` values, linear between order statistics (Hyndman and Fan 1996, type 7)";
    static constexpr int ARITY = 1;
    static std::vector<Parameter> parameters() { return {{"window", 1, 1e5, true}, {"quantile", 0, 1, false}}; }
    static Settings examples() { return {{1, 0.0}, {1, 0.5}, {2, 0.3}, {17, 0.0}, {17, 0.3}, {17, 0.5}, {17, 1.0}}; }
    static int warm_up(const std::vector<double>& p) { return static_cast<int>(p[0]) - 1; }

    /// Between which places of the sorted window, and how far.
    struct Reading {
        std::size_t below, above;
        double weight;

        explicit Reading(const std::vector<double>& p) {
            const double position = p[1] * (p[0] - 1.0);
            below = static_cast<std::size_t>(position);
            above = std::min(below + 1, static_cast<std::size_t>(p[0]) - 1);
            weight = position - static_cast<double>(below);
        }
    };

    explicit RollingQuantile(const std::vector<double>& p) : values(static_cast<std::size_t>(p[0])) {}
    bool update(double x) {
        values.push(x);
        return values.window.full();
    }
    double read(const Reading& r) const {
        const double low = values.sorted[r.below];
        return low + r.weight * (values.sorted[r.above] - low);
    }
    template <class A>
    void state(A& archive) {
        archive(values);
    }
    SortedWindow values;
};

struct RollingRank {
    static constexpr const char* NAME = "rolling_rank";
    static constexpr const char* FORMULA =
        "share of the last `window` values below the present one, ties counted half (0 to 1)";
    static constexpr int ARITY = 1;
    static std::vector<Parameter> parameters() { return {{"window", 2, 1e5, true}}; }
    static Settings examples() { return {{2}, {3}, {17}}; }
    static int warm_up(const std::vector<double>& p) { return static_cast<int>(p[0]) - 1; }

    explicit RollingRank(const std::vector<double>& p) : values(static_cast<std::size_t>(p[0])) {}
    double update(double x) {
        values.push(x);
        if (!values.window.full()) return NaN;
        const double *begin = values.sorted.data(), *end = begin + values.sorted.size();
        const double* low = lower_bound(begin, values.sorted.size(), x);
        const double* high = low + 1 < end && low[1] == x ? std::upper_bound(low, end, x) : low + 1;
        const double below = static_cast<double>(low - begin), others = static_cast<double>(high - low) - 1.0;
        return (below + 0.5 * others) / (static_cast<double>(values.sorted.size()) - 1.0);
    }
    template <class A>
    void state(A& archive) {
        archive(values);
    }
    SortedWindow values;
};

inline std::vector<KernelInfo> order_kernels() { return {entry<RollingQuantile>(), entry<RollingRank>()}; }

}  // namespace ratchet
