// Rolling quantile and rank over a sorted copy of the window: a binary search and one short memmove per bar.
#pragma once
#include <algorithm>

#include "kernel.hpp"

namespace ratchet {

struct SortedWindow {
    Ring window;
    std::vector<double> sorted;
    std::uint32_t count = 0;

    explicit SortedWindow(std::size_t size) : window(size), sorted(size, 0.0) {}
    void push(double x) {
        double* begin = sorted.data();
        if (window.full()) {  // one shift of what lies between the value that leaves and the one that enters
            double old = window.push(x);
            double* gone = std::lower_bound(begin, begin + count, old);
            double* place = std::lower_bound(begin, begin + count, x);
            if (place > gone) {
                --place;
                std::move(gone + 1, place + 1, gone);
            } else {
                std::move_backward(place, gone, gone + 1);
            }
            *place = x;
        } else {
            window.push(x);
            double* place = std::lower_bound(begin, begin + count, x);
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

    explicit RollingQuantile(const std::vector<double>& p) : values(static_cast<std::size_t>(p[0])) {
        double position = p[1] * (p[0] - 1.0);
        below = static_cast<std::size_t>(position);
        above = std::min(below + 1, static_cast<std::size_t>(p[0]) - 1);
        weight = position - static_cast<double>(below);
    }
    double update(double x) {
        values.push(x);
        if (!values.window.full()) return NaN;
        double low = values.sorted[below];
        return low + weight * (values.sorted[above] - low);
    }
    template <class A>
    void state(A& archive) {
        archive(values);
    }
    SortedWindow values;
    std::size_t below, above;
    double weight;
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
        auto [low, high] = std::equal_range(values.sorted.begin(), values.sorted.end(), x);
        double below = static_cast<double>(low - values.sorted.begin());
        double others = static_cast<double>(high - low) - 1.0;
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
