// Rolling quantile and rank.
#pragma once
#include "kernels/recent.hpp"
#include "kernels/sorted_tree.hpp"
#include "kernels/sorted_window.hpp"

namespace ratchet {

inline std::size_t window_of(const std::vector<double>& p) { return static_cast<std::size_t>(p[0]); }

/// A window in order, as its length has it.
class SortedLong {
  public:
    explicit SortedLong(std::size_t size)
        : longest_(size > SortedChunks::MOST), chunks_(longest_ ? 1 : size), tree_(longest_ ? size : 1) {}

    bool full() const { return longest_ ? tree_.full() : chunks_.full(); }
    double operator[](std::size_t rank) const { return longest_ ? tree_[rank] : chunks_[rank]; }
    void push(double x) { longest_ ? tree_.push(x) : chunks_.push(x); }
    template <class Before>
    std::size_t count(double x) const {
        return longest_ ? tree_.count<Before>(x) : chunks_.count<Before>(x);
    }
    template <class A>
    void state(A& archive) {
        archive(chunks_), archive(tree_);
    }

  private:
    bool longest_;
    SortedChunks chunks_;  // one of the two is in use
    SortedTree tree_;
};

struct RollingQuantile {
    static constexpr const char* NAME = "rolling_quantile";
    static constexpr const char* FORMULA =
        "quantile of the last `window` values, linear between order statistics (Hyndman and Fan 1996, type 7)";
    static constexpr int ARITY = 1;
    static std::vector<Parameter> parameters() { return {{"window", 1, 1e5, true}, {"quantile", 0, 1, false}}; }
    static Settings examples() {
        return {{1, 0.0}, {1, 0.5}, {2, 0.3}, {17, 0.0}, {17, 0.3}, {17, 0.5}, {17, 1.0}, {100, 0.4}};
    }
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

    explicit RollingQuantile(const std::vector<double>& p)
        : few(p[0] <= SortedShort::MOST), brief(few ? window_of(p) : 1), sorted(few ? 1 : window_of(p)) {}
    bool update(double x) {
        if (few) {
            brief.push(x);
            return brief.full();
        }
        sorted.push(x);
        return sorted.full();
    }
    double read(const Reading& r) const {
        const double low = few ? brief[r.below] : sorted[r.below], above = few ? brief[r.above] : sorted[r.above];
        return low + r.weight * (above - low);
    }
    template <class A>
    void state(A& archive) {
        archive(brief), archive(sorted);
    }
    bool few;
    SortedShort brief;  // one of the two is in use
    SortedLong sorted;
};

struct RollingRank {
    static constexpr const char* NAME = "rolling_rank";
    static constexpr const char* FORMULA =
        "share of the last `window` values below the present one, ties counted half (0 to 1)";
    static constexpr int ARITY = 1;
    static std::vector<Parameter> parameters() { return {{"window", 2, 1e5, true}}; }
    static Settings examples() { return {{2}, {3}, {17}, {100}}; }
    static int warm_up(const std::vector<double>& p) { return static_cast<int>(p[0]) - 1; }

    explicit RollingRank(const std::vector<double>& p)
        : others(p[0] - 1.0), few(others < SHORT), recent(few ? window_of(p) : 1), sorted(few ? 1 : window_of(p)) {}
    double update(double x) {
        if (!few) return in_order(x);
        double sum = 0.0;
        for (double other : recent.before) sum += share(other, x);
        const bool ready = recent.ready();
        recent.push(x);
        return ready ? sum / others : NaN;
    }
    void run(const double* x, double* __restrict out, std::size_t n) {
        if (few)
            recent.run(x, out, n, [&](const double* values, std::size_t i, std::size_t m) {
                count(values, recent.before.size(), others, out + i, m);
            });
        else
            for (std::size_t i = 0; i < n; ++i) out[i] = in_order(x[i]);
    }
    template <class A>
    void state(A& archive) {
        archive(recent), archive(sorted);
    }

  private:
    static double share(double other, double x) { return other < x ? 1.0 : other == x ? 0.5 : 0.0; }
    RATCHET_CLONES static void count(const double* values, std::size_t before, double others, double* __restrict out,
                                     std::size_t n) {
        std::fill_n(out, n, 0.0);
        for (std::size_t k = 1; k <= before; ++k)
            for (std::size_t i = 0; i < n; ++i) out[i] += share(*(values + i - k), values[i]);
        for (std::size_t i = 0; i < n; ++i) out[i] /= others;
    }
    double in_order(double x) {
        sorted.push(x);
        if (!sorted.full()) return NaN;
        const auto below = static_cast<double>(sorted.count<std::less<>>(x));
        const auto equal = static_cast<double>(sorted.count<std::less_equal<>>(x)) - below - 1.0;
        return (below + 0.5 * equal) / others;
    }
    double others;  // in the window
    bool few;
    Recent recent;  // one of the two is in use
    SortedLong sorted;
};

inline std::vector<KernelInfo> order_kernels() { return {entry<RollingQuantile>(), entry<RollingRank>()}; }

}  // namespace ratchet
