// Rolling extremes and their age, with a monotonic queue: amortised O(1) per bar (Lemire 2006, arXiv cs/0610046).
#pragma once
#include "kernel.hpp"

namespace ratchet {

/// The candidates for the extreme of a window, best first; `Better(a, b)`: a beats b.
template <class Better>
struct MonotonicQueue {
    std::vector<double> value;
    std::vector<std::int64_t> index;
    std::uint32_t head = 0, count = 0;
    std::int64_t now = -1;

    explicit MonotonicQueue(std::size_t window) : value(window), index(window) {}
    void push(double x) {
        const std::uint32_t size = static_cast<std::uint32_t>(value.size());
        ++now;
        if (count && index[head] <= now - static_cast<std::int64_t>(size)) {
            head = head + 1 == size ? 0 : head + 1;
            --count;
        }
        while (count) {
            std::uint32_t last = head + count - 1;
            last -= last >= size ? size : 0;
            if (Better{}(value[last], x)) break;
            --count;
        }
        std::uint32_t at = head + count;
        at -= at >= size ? size : 0;
        value[at] = x;
        index[at] = now;
        ++count;
    }
    bool full() const { return now + 1 >= static_cast<std::int64_t>(value.size()); }
    double best() const { return value[head]; }
    double age() const { return static_cast<double>(now - index[head]); }
    template <class A>
    void state(A& archive) {
        archive(value), archive(index), archive(head), archive(count), archive(now);
    }
};

template <class Better, bool Age>
struct RollingExtreme {
    static constexpr int ARITY = 1;
    static std::vector<Parameter> parameters() { return {{"window", 1, 1e6, true}}; }
    static Settings examples() { return {{1}, {2}, {3}, {17}}; }
    static int warm_up(const std::vector<double>& p) { return static_cast<int>(p[0]) - 1; }
    explicit RollingExtreme(const std::vector<double>& p) : queue(static_cast<std::size_t>(p[0])) {}
    double update(double x) {
        queue.push(x);
        if (!queue.full()) return NaN;
        return Age ? queue.age() : queue.best();
    }
    template <class A>
    void state(A& archive) {
        archive(queue);
    }
    MonotonicQueue<Better> queue;
};

struct RollingMin : RollingExtreme<std::less<>, false> {
    static constexpr const char* NAME = "rolling_min";
    static constexpr const char* FORMULA = "smallest of the last `window` values";
    using RollingExtreme::RollingExtreme;
};
struct RollingMax : RollingExtreme<std::greater<>, false> {
    static constexpr const char* NAME = "rolling_max";
    static constexpr const char* FORMULA = "largest of the last `window` values";
    using RollingExtreme::RollingExtreme;
};
struct BarsSinceMin : RollingExtreme<std::less<>, true> {
    static constexpr const char* NAME = "bars_since_min";
    static constexpr const char* FORMULA = "bars since the (latest) smallest of the last `window` values";
    using RollingExtreme::RollingExtreme;
};
struct BarsSinceMax : RollingExtreme<std::greater<>, true> {
    static constexpr const char* NAME = "bars_since_max";
    static constexpr const char* FORMULA = "bars since the (latest) largest of the last `window` values";
    using RollingExtreme::RollingExtreme;
};

inline std::vector<KernelInfo> extrema_kernels() {
    return {entry<RollingMin>(), entry<RollingMax>(), entry<BarsSinceMin>(), entry<BarsSinceMax>()};
}

}  // namespace ratchet
