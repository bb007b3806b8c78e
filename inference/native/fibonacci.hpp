// Golden-ratio points of the zigzag's legs in price and time. (high, low, threshold) as for the zigzag are logarithms;
// levels are prices.
#pragma once
#include "patterns.hpp"

namespace ratchet {

/// Levels of the four latest closed legs that lie close together. They are laid when a turning point is confirmed,
/// with the threshold of that bar as the unit. O(levels) on a bar with a new extreme, else O(1).
struct FibonacciCluster {
    static constexpr const char* NAME = "fibonacci_cluster";
    static constexpr const char* FORMULA =
        "retracements (0.382, 0.5, 0.618) and extensions (1.272, 1.618, 2.618) of the zigzag's four latest closed "
        "legs, 24 in all. output 0: share of them within `tolerance` thresholds of the live leg's extreme; 1: of "
        "those up to `reach` thresholds ahead of it the one with the most others within `tolerance` (the nearer of "
        "equals), or the price `reach` ahead where there is none; 2: share of the 24 that stand there";
    static constexpr int ARITY = 3;
    static std::vector<Parameter> parameters() {
        return {{"tolerance", 0, 10, false}, {"reach", 0, 1e3, false}, {"output", 0, 2, true}};
    }
    static Settings examples() { return {{0.1, 4.0, 0}, {0.1, 4.0, 1}, {0.5, 1.0, 1}, {0.5, 100.0, 2}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    using Reading = Output;

    explicit FibonacciCluster(const std::vector<double>& p) : tolerance(p[0]), reach(p[1]), zigzag({0.0}) {}
    bool update(double high, double low, double threshold) {
        if (turns(zigzag, high, low, threshold)) {
            unit = threshold;
            lay();
            find();
        } else if (zigzag.extreme_at == zigzag.now) {
            find();
        }
        return true;
    }
    double read(const Output& output) const { return figures[output.index]; }
    template <class A>
    void state(A& archive) {
        archive(zigzag), archive(unit), archive(levels), archive(neighbours), archive(figures);
    }

  private:
    static constexpr std::array<double, 6> RATIOS{0.382, 0.5, 0.618, 1.272, 1.618, 2.618};
    static constexpr std::size_t LEGS = 4, COUNT = LEGS * RATIOS.size();
    bool near(double a, double b) const { return std::abs(a - b) <= tolerance * unit * b; }
    void lay() {
        const auto prices = turning_prices(zigzag);
        // a leg without length stands for one from before the data, and has no levels
        for (std::size_t leg = 0, i = 0; leg < LEGS; ++leg) {
            const double end = prices[leg], start = prices[leg + 1];
            for (double ratio : RATIOS)
                levels[i++] = end == start  ? 0.0
                              : ratio < 1.0 ? end - ratio * (end - start)
                                            : start + ratio * (end - start);
        }
        for (std::size_t i = 0; i < COUNT; ++i) {
            double count = 0.0;  // itself too
            for (double level : levels) count += near(level, levels[i]) ? 1.0 : 0.0;
            neighbours[i] = count;
        }
    }
    void find() {
        const double price = price_of(zigzag.extreme), way = zigzag.direction, limit = reach * unit * price;
        double at_extreme = 0.0, best = 0.0;
        for (double level : levels) at_extreme += near(level, price) ? 1.0 : 0.0;
        std::size_t found = COUNT;
        for (std::size_t i = 0; i < COUNT; ++i) {  // most neighbours first, then the nearer; without branches
            const double ahead = way * (levels[i] - price);
            const bool candidate = (ahead > 0.0) & (ahead <= limit) & (levels[i] > 0.0);
            const double score = candidate ? neighbours[i] - 0.5 * ahead / limit : 0.0;
            found = score > best ? i : found;
            best = std::max(best, score);
        }
        figures = {at_extreme / static_cast<double>(COUNT), found < COUNT ? levels[found] : price + way * limit,
                   found < COUNT ? neighbours[found] / static_cast<double>(COUNT) : 0.0};
    }
    double tolerance, reach;
    Zigzag zigzag;
    double unit = 0.0;
    std::array<double, COUNT> levels{}, neighbours{};
    std::array<double, 3> figures{};
};

/// Time projections: turns are expected golden ratios of the last legs' lengths after the latest turning point.
struct FibonacciTime {
    static constexpr const char* NAME = "fibonacci_time";
    static constexpr const char* FORMULA =
        "how near the bars since the zigzag's latest turning point are to 0.618, 1 or 1.618 times the length in "
        "bars of one of its two latest closed legs: max(1 - |bars / length / ratio - 1| / `tolerance`, 0), the best"
        " of six";
    static constexpr int ARITY = 3;
    static std::vector<Parameter> parameters() { return {{"tolerance", 1e-3, 1, false}}; }
    static Settings examples() { return {{0.1}, {0.5}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    explicit FibonacciTime(const std::vector<double>& p) : tolerance(p[0]), zigzag({0.0}) {}
    double update(double high, double low, double threshold) {
        if (turns(zigzag, high, low, threshold) && zigzag.now > 0) {
            lengths = {zigzag.point_at - latest, lengths[0]};
            latest = zigzag.point_at;
        }
        const double bars = static_cast<double>(zigzag.now - latest);
        double nearest = tolerance;
        for (std::int64_t length : lengths)
            for (double ratio : {0.618, 1.0, 1.618})
                if (length > 0)
                    nearest = std::min(nearest, std::abs(bars / (static_cast<double>(length) * ratio) - 1.0));
        return 1.0 - nearest / tolerance;
    }
    template <class A>
    void state(A& archive) {
        archive(zigzag), archive(latest), archive(lengths);
    }

  private:
    double tolerance;
    Zigzag zigzag;
    std::int64_t latest = 0;
    std::array<std::int64_t, 2> lengths{};
};

inline std::vector<KernelInfo> fibonacci_kernels() { return {entry<FibonacciCluster>(), entry<FibonacciTime>()}; }

}  // namespace ratchet
