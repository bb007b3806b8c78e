// Golden-ratio points of the zigzag's legs in price and time. (high, low, threshold) as for the zigzag are logarithms;
// levels are prices.
#pragma once
#include "kernels/lanes.hpp"
#include "kernels/patterns.hpp"

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

    explicit FibonacciCluster(const std::vector<double>& p) : tolerance(p[0]), reach(p[1]) {}
    bool update(double high, double low, double threshold) {
        if (turning.turns(high, low, threshold)) {
            unit = threshold;
            lay();
            find();
        } else if (turning.zigzag.extreme_at == turning.zigzag.now) {
            find();
        }
        return true;
    }
    double read(const Output& output) const { return figures[output.index]; }
    template <class A>
    void state(A& archive) {
        archive(turning), archive(unit), archive(levels), archive(neighbours), archive(figures);
    }

  private:
    static constexpr std::array<double, 6> RATIOS{0.382, 0.5, 0.618, 1.272, 1.618, 2.618};
    static constexpr std::size_t LEGS = 4, COUNT = LEGS * RATIOS.size();
    static_assert(COUNT % FOUR == 0);

    void lay() {
        const auto& prices = turning.prices;
        // a leg without length stands for one from before the data, and has no levels
        for (std::size_t leg = 0, i = 0; leg < LEGS; ++leg) {
            const double end = prices[leg], start = prices[leg + 1];
            for (double ratio : RATIOS)
                levels[i++] = end == start  ? 0.0
                              : ratio < 1.0 ? end - ratio * (end - start)
                                            : start + ratio * (end - start);
        }
        count_neighbours(levels.data(), tolerance * unit, neighbours.data());
    }
    /// For each level how many are within `share` of it, itself too.
    RATCHET_CLONES static void count_neighbours(const double* levels, double share, double* neighbours) {
        for (std::size_t i = 0; i < COUNT; i += FOUR) {
            const Four own = load(levels + i), width = share * own;
            Four count{};
            for (std::size_t j = 0; j < COUNT; ++j) count += one_where(absolute(all(levels[j]) - own) <= width);
            store(neighbours + i, count);
        }
    }
    void find() {
        const double price = price_of(turning.zigzag.extreme), way = turning.zigzag.direction;
        const double limit = reach * unit * price;
        const auto [near, best] = ahead(levels.data(), neighbours.data(), price, way, limit, tolerance * unit * price);
        const auto found = static_cast<std::size_t>(best);
        figures = {near / static_cast<double>(COUNT), found < COUNT ? levels[found] : price + way * limit,
                   found < COUNT ? neighbours[found] / static_cast<double>(COUNT) : 0.0};
    }
    struct Ahead {
        double near, best;  // how many levels are within `width` of the price; which is the best ahead, COUNT if none
    };
    /// Most neighbours first, then the nearer: half a neighbour is more than any nearness.
    RATCHET_CLONES static Ahead ahead(const double* levels, const double* neighbours, double price, double way,
                                      double limit, double width) {
        const double per_limit = limit > 0.0 ? 0.5 / limit : 0.0;
        Four near{}, best{}, place = all(COUNT);
        for (std::size_t i = 0; i < COUNT; i += FOUR) {
            const Four level = load(levels + i), gap = level - price, distance = way * gap;
            near += one_where(absolute(gap) <= width);
            const Flags candidate = (distance > 0.0) & (distance <= limit) & (level > 0.0);
            const Four score = candidate ? load(neighbours + i) - distance * per_limit : Four{};
            place = score > best ? count_from(static_cast<double>(i)) : place;
            best = Larger()(best, score);
        }
        const double most = folded(best, Larger());
        return {folded(near, Plus()), folded(best == most ? place : all(COUNT), Smaller())};
    }
    double tolerance, reach;
    TurningPrices turning;
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

    explicit FibonacciTime(const std::vector<double>& p) : tolerance(p[0]) {}
    double update(double high, double low, double threshold) {
        if (zigzag.turns(high, low, threshold) && zigzag.now > 0) {
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
    Zigzag zigzag{{}};
    std::int64_t latest = 0;
    std::array<std::int64_t, 2> lengths{};
};

inline std::vector<KernelInfo> fibonacci_kernels() { return {entry<FibonacciCluster>(), entry<FibonacciTime>()}; }

}  // namespace ratchet
