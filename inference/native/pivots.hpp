// Events in a series: how long ago, at which value, and the first passage of a level. Swing pivots, divergences, runs
// and the fate of past stops are expressions of these. O(1) or O(log window) per bar.
#pragma once
#include <algorithm>
#include <bit>

#include "extrema.hpp"

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

/// A tournament tree over the ring: each inner node holds the smaller of its two children.
struct FirstAtOrBelow {
    static constexpr const char* NAME = "first_at_or_below";
    static constexpr const char* FORMULA =
        "bars since the first of the last `window` values (of the first input) at or below the present level (the "
        "second); -1 where none is";
    static constexpr int ARITY = 2;
    static std::vector<Parameter> parameters() { return {{"window", 1, 1e6, true}}; }
    static Settings examples() { return {{1}, {2}, {3}, {17}}; }
    static int warm_up(const std::vector<double>& p) { return static_cast<int>(p[0]) - 1; }

    explicit FirstAtOrBelow(const std::vector<double>& p)
        : window(static_cast<std::uint32_t>(p[0])),
          leaves(std::bit_ceil(window)),
          tree(2 * leaves, std::numeric_limits<double>::max()) {}
    double update(double x, double level) {
        std::uint32_t i = leaves + at;
        tree[i] = x;
        while (i > 1) {
            i /= 2;
            tree[i] = std::min(tree[2 * i], tree[2 * i + 1]);
        }
        at = at + 1 == window ? 0 : at + 1;
        filled += filled < window;
        if (filled < window) return NaN;
        if (tree[1] > level) return -1.0;
        std::uint32_t place = first(at, level);  // the oldest stands at `at`
        if (place >= window) place = first(0, level);
        return static_cast<double>(place < at ? at - 1 - place : at + window - 1 - place);
    }
    template <class A>
    void state(A& archive) {
        archive(tree), archive(at), archive(filled);
    }

  private:
    /// The first place from `from` on whose value is at or below the level; `leaves` where none is.
    std::uint32_t first(std::uint32_t from, double level) const {
        std::uint32_t i = leaves + from;
        while (tree[i] > level) {
            while (i & 1) i /= 2;  // a right child: what follows lies to the right of an ancestor
            if (i == 0) return leaves;
            ++i;
        }
        while (i < leaves) i = tree[2 * i] <= level ? 2 * i : 2 * i + 1;
        return i - leaves;
    }
    std::uint32_t window, leaves, at = 0, filled = 0;
    std::vector<double> tree;
};

/// The candidates for the maximum fall from the oldest to the newest; whatever is above the level last is one of them.
struct LastAbove {
    static constexpr const char* NAME = "last_above";
    static constexpr const char* FORMULA =
        "bars since the last of the last `window` values (of the first input) above the present level (the second); -1 "
        "where none is";
    static constexpr int ARITY = 2;
    static std::vector<Parameter> parameters() { return {{"window", 1, 1e6, true}}; }
    static Settings examples() { return {{1}, {2}, {3}, {17}}; }
    static int warm_up(const std::vector<double>& p) { return static_cast<int>(p[0]) - 1; }

    explicit LastAbove(const std::vector<double>& p) : queue(static_cast<std::size_t>(p[0])) {}
    double update(double x, double level) {
        queue.push(x);
        if (!queue.full()) return NaN;
        std::uint32_t above = 0,
                      end = queue.count;  // candidates before `above` are above the level, those from `end` not
        while (above < end) {
            const std::uint32_t middle = (above + end) / 2;
            if (queue.value[place(middle)] > level)
                above = middle + 1;
            else
                end = middle;
        }
        return above == 0 ? -1.0 : static_cast<double>(queue.now - queue.index[place(above - 1)]);
    }
    template <class A>
    void state(A& archive) {
        archive(queue);
    }

  private:
    std::uint32_t place(std::uint32_t i) const {
        const auto size = static_cast<std::uint32_t>(queue.value.size());
        return queue.head + i < size ? queue.head + i : queue.head + i - size;
    }
    MonotonicQueue<std::greater<>> queue;
};

inline std::vector<KernelInfo> pivot_kernels() {
    return {entry<BarsSince>(), entry<ValueWhen>(), entry<FirstAtOrBelow>(), entry<LastAbove>()};
}

}  // namespace ratchet
