// The passage of a level: which of the last values was the first at or below it, the last above it. The fate of past
// stops is an expression of these. Short windows are looked through, long ones take O(log window) per bar.
#pragma once
#include <algorithm>
#include <bit>

#include "kernels/extrema.hpp"
#include "kernels/recent.hpp"

namespace ratchet {

/// A tournament tree over a ring: each inner node holds the smaller of its two children.
struct MinimumTree {
    std::uint32_t window, leaves, at = 0, filled = 0;
    std::vector<double> tree;

    explicit MinimumTree(std::size_t size)
        : window(static_cast<std::uint32_t>(size)),
          leaves(std::bit_ceil(window)),
          tree(2 * leaves, std::numeric_limits<double>::max()) {}
    void push(double x) {
        std::uint32_t i = leaves + at;
        tree[i] = x;
        while (i > 1) {
            i /= 2;
            tree[i] = std::min(tree[2 * i], tree[2 * i + 1]);
        }
        at = at + 1 == window ? 0 : at + 1;
        filled += filled < window;
    }
    /// Bars since the first value at or below the level, -1 where none is.
    double first_at_or_below(double level) const {
        if (tree[1] > level) return -1.0;
        std::uint32_t place = find(at, level);  // the oldest stands at `at`
        if (place >= window) place = find(0, level);
        return static_cast<double>(place < at ? at - 1 - place : at + window - 1 - place);
    }
    template <class A>
    void state(A& archive) {
        archive(tree), archive(at), archive(filled);
    }

  private:
    /// The first place from `from` on whose value is at or below the level; `leaves` where none is.
    std::uint32_t find(std::uint32_t from, double level) const {
        std::uint32_t i = leaves + from;
        while (tree[i] > level) {
            while (i & 1) i /= 2;  // a right child: what follows lies to the right of an ancestor
            if (i == 0) return leaves;
            ++i;
        }
        while (i < leaves) i = tree[2 * i] <= level ? 2 * i : 2 * i + 1;
        return i - leaves;
    }
};

/// What both kernels have in common: a short window or a long one's `Long`, of which one is in use.
template <class Long>
struct Passage {
    static constexpr int ARITY = 2;
    static std::vector<Parameter> parameters() { return {{"window", 1, 1e6, true}}; }
    static Settings examples() { return {{1}, {2}, {3}, {17}, {100}}; }
    static int warm_up(const std::vector<double>& p) { return static_cast<int>(p[0]) - 1; }

    explicit Passage(std::size_t window) : few(window <= SHORT), recent(few ? window : 1), many(few ? 1 : window) {}
    template <class A>
    void state(A& archive) {
        archive(recent), archive(many);
    }
    bool few;
    Recent recent;
    Long many;
};

struct FirstAtOrBelow : Passage<MinimumTree> {
    static constexpr const char* NAME = "first_at_or_below";
    static constexpr const char* FORMULA =
        "bars since the first of the last `window` values (of the first input) at or below the present level (the "
        "second); -1 where none is";

    explicit FirstAtOrBelow(const std::vector<double>& p) : Passage(static_cast<std::size_t>(p[0])) {}
    double update(double x, double level) {
        if (!few) {
            many.push(x);
            return many.filled == many.window ? many.first_at_or_below(level) : NaN;
        }
        double age = x <= level ? 0.0 : -1.0;
        for (std::size_t k = recent.before.size(), i = 0; k > 0; --k, ++i)
            if (recent.before[i] <= level) {
                age = static_cast<double>(k);
                break;
            }
        const bool ready = recent.ready();
        recent.push(x);
        return ready ? age : NaN;
    }
    void run(const double* x, const double* level, double* __restrict out, std::size_t n) {
        if (few)
            recent.run(x, out, n, [&](const double* values, std::size_t i, std::size_t m) {
                find(values, recent.before.size(), level + i, out + i, m);
            });
        else
            for (std::size_t i = 0; i < n; ++i) out[i] = update(x[i], level[i]);
    }

  private:
    RATCHET_CLONES static void find(const double* values, std::size_t before, const double* level,
                                    double* __restrict age, std::size_t n) {
        std::fill_n(age, n, -1.0);
        for (std::size_t k = 0; k <= before; ++k)
            for (std::size_t i = 0; i < n; ++i)
                age[i] = *(values + i - k) <= level[i] ? static_cast<double>(k) : age[i];
    }
};

/// The candidates for the maximum fall from the oldest to the newest; whatever is above the level last is one of them.
struct LastAbove : Passage<MonotonicQueue<std::greater<>>> {
    static constexpr const char* NAME = "last_above";
    static constexpr const char* FORMULA =
        "bars since the last of the last `window` values (of the first input) above the present level (the second); -1 "
        "where none is";

    explicit LastAbove(const std::vector<double>& p) : Passage(static_cast<std::size_t>(p[0])) {}
    double update(double x, double level) {
        if (!few) {
            many.push(x);
            return many.full() ? among_candidates(level) : NaN;
        }
        double age = x > level ? 0.0 : -1.0;
        for (std::size_t i = recent.before.size(), k = 1; age < 0.0 && i-- > 0; ++k)
            if (recent.before[i] > level) age = static_cast<double>(k);
        const bool ready = recent.ready();
        recent.push(x);
        return ready ? age : NaN;
    }
    void run(const double* x, const double* level, double* __restrict out, std::size_t n) {
        if (few)
            recent.run(x, out, n, [&](const double* values, std::size_t i, std::size_t m) {
                find(values, recent.before.size(), level + i, out + i, m);
            });
        else
            for (std::size_t i = 0; i < n; ++i) out[i] = update(x[i], level[i]);
    }

  private:
    RATCHET_CLONES static void find(const double* values, std::size_t before, const double* level,
                                    double* __restrict age, std::size_t n) {
        std::fill_n(age, n, -1.0);
        for (std::size_t k = before + 1; k-- > 0;)
            for (std::size_t i = 0; i < n; ++i) age[i] = *(values + i - k) > level[i] ? static_cast<double>(k) : age[i];
    }
    double among_candidates(double level) const {
        std::uint32_t above = 0, end = many.count;  // those before `above` are above the level, those from `end` not
        while (above < end) {
            const std::uint32_t middle = (above + end) / 2;
            if (many.value[place(middle)] > level)
                above = middle + 1;
            else
                end = middle;
        }
        return above == 0 ? -1.0 : static_cast<double>(many.now - many.index[place(above - 1)]);
    }
    std::uint32_t place(std::uint32_t i) const {
        const auto size = static_cast<std::uint32_t>(many.value.size());
        return many.head + i < size ? many.head + i : many.head + i - size;
    }
};

inline std::vector<KernelInfo> passage_kernels() { return {entry<FirstAtOrBelow>(), entry<LastAbove>()}; }

}  // namespace ratchet
