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
            lay(turning.latest(), threshold);
            find(price_of(turning.zigzag.extreme), turning.zigzag.direction);
        } else if (turning.zigzag.extreme_at == turning.zigzag.now) {
            find(price_of(turning.zigzag.extreme), turning.zigzag.direction);
        }
        return true;
    }
    void run(const double* high, const double* low, const double* threshold, const Told<Output>& told, std::size_t n) {
        const std::size_t first = turning.zigzag.now < 0 && n > 0;
        if (first) told.update(*this, 0, high[0], low[0], threshold[0]);
        turning.follow(high + first, low + first, threshold + first, n - first,
                       [&](const Zigzag::Course& course, const double* latest, std::size_t from, std::size_t m) {
                           Lists since;
                           look(course, latest, threshold + first + from, since);
                           for (std::size_t r = 0; r < told.readings.size(); ++r)
                               spread(since[told.readings[r].index].data(), course.extremes_by.data(),
                                      told.out[r]->buffer + first + from, m);
                       });
    }
    double read(const Output& output) const { return figures[output.index]; }
    template <class A>
    void state(A& archive) {
        archive(turning), archive(unit), archive(levels), archive(neighbours), archive(figures);
    }

  private:
    static constexpr std::array<double, 6> RATIOS{0.382, 0.5, 0.618, 1.272, 1.618, 2.618};
    static constexpr std::size_t LEGS = 4, COUNT = LEGS * RATIOS.size();
    static_assert(COUNT % (2 * FOUR) == 0);

    using Lists = std::array<std::array<double, Zigzag::MOST + 1>, 3>;
    /// The figures after each extreme.
    void look(const Zigzag::Course& course, const double* latest, const double* threshold, Lists& since) {
        std::array<double, Zigzag::MOST> prices;
        for (std::size_t e = 0; e < course.extremes; ++e) prices[e] = course.extreme(course.bar(e));
        prices_of(prices.data(), prices.data(), course.extremes);
        const auto put = [&](std::size_t e) {
            for (std::size_t f = 0; f < figures.size(); ++f) since[f][e] = figures[f];
        };
        put(0);
        for (std::size_t e = 0, turns = 0; e < course.extremes; ++e) {
            const std::size_t bar = course.bar(e);
            if (course.turns_by[bar] > turns) lay(latest + turns++, threshold[bar]);  // each turn is an extreme too
            find(prices[e], course.direction(turns));
            put(e + 1);
        }
    }
    void lay(const double* latest, double threshold) {
        unit = threshold;
        // a leg without length stands for one from before the data, and has no levels
        for (std::size_t leg = 0, i = 0; leg < LEGS; ++leg) {
            const double end = *(latest - leg), start = *(latest - leg - 1);
            for (double ratio : RATIOS)
                levels[i++] = end == start  ? 0.0
                              : ratio < 1.0 ? end - ratio * (end - start)
                                            : start + ratio * (end - start);
        }
        count_neighbours(levels.data(), tolerance * unit, neighbours.data());
    }
    /// For each level how many are within `share` of it, itself too.
    RATCHET_CLONES static void count_neighbours(const double* levels, double share, double* neighbours) {
        for (std::size_t i = 0; i < COUNT; i += 2 * FOUR) {  // two sums side by side: none waits for the other
            const Four own = load(levels + i), next = load(levels + i + FOUR);
            const Four width = share * own, next_width = share * next;
            Flags count{}, next_count{};
            for (std::size_t j = 0; j < COUNT; ++j) {
                const Four level = all(levels[j]);
                count -= absolute(level - own) <= width;
                next_count -= absolute(level - next) <= next_width;
            }
            store(neighbours + i, number(count));
            store(neighbours + i + FOUR, number(next_count));
        }
    }
    /// `way`: direction of the leg.
    void find(double price, double way) {
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
        const std::int64_t before = zigzag.point_at;
        if (zigzag.turns(high, low, threshold)) add(zigzag.point_at - before);
        return 1.0 - distance(static_cast<double>(zigzag.now - zigzag.point_at), expected, tolerance) / tolerance;
    }
    void run(const double* high, const double* low, const double* threshold, double* __restrict out, std::size_t n) {
        const std::size_t first = zigzag.now < 0 && n > 0;
        if (first) out[0] = update(high[0], low[0], threshold[0]);
        std::array<Expected, Zigzag::MOST + 1> by;  // by the number of turns
        zigzag.follow(high + first, low + first, threshold + first, n - first,
                      [&](const Zigzag::Course& course, std::size_t from, std::size_t m) {
                          by[0] = expected;
                          for (std::size_t k = 0; k < course.turns; ++k) {
                              add(course.point_at[k + 1] - course.point_at[k]);
                              by[k + 1] = expected;
                          }
                          distances(course, by.data(), tolerance, out + first + from, m);
                      });
    }
    template <class A>
    void state(A& archive) {
        archive(zigzag), archive(expected);
    }

  private:
    static constexpr std::array<double, 3> RATIOS{0.618, 1.0, 1.618};
    static constexpr double NEVER = 1e300;  // as far as leaves a ratio to it in full precision
    /// Bars after the latest turning point at which turns are expected: of the latest leg and of the one before.
    using Expected = std::array<double, 2 * FOUR>;

    /// A leg more, of so many bars; none is a leg from before the data.
    void add(std::int64_t length) {
        std::copy_n(expected.begin(), FOUR, expected.begin() + FOUR);
        for (std::size_t i = 0; i < RATIOS.size(); ++i)
            expected[i] = length > 0 ? static_cast<double>(length) * RATIOS[i] : NEVER;
    }
    /// From the nearest, as a share of it, at most the tolerance: the last one passed or the next one to come.
    RATCHET_INLINE static double distance(double bars, const Expected& expected, double tolerance) {
        const Four one = load(expected.data()), two = load(expected.data() + FOUR);
        const Four never = all(NEVER);
        const double passed = folded(Larger()(one <= bars ? one : -never, two <= bars ? two : -never), Larger()),
                     next = folded(Smaller()(one > bars ? one : never, two > bars ? two : never), Smaller());
        const Two off = Two{bars, bars} / Two{passed, next} - 1.0;
        return Smaller()(Smaller()(std::abs(off[0]), std::abs(off[1])), tolerance);
    }
    RATCHET_CLONES static void distances(const Zigzag::Course& course, const Expected* by, double tolerance,
                                         double* __restrict out, std::size_t n) {
        for (std::size_t i = 0; i < n; ++i) {
            const std::size_t turns = course.turns_by[i];
            const std::int64_t bars = course.start + static_cast<std::int64_t>(i) - course.point_at[turns];
            out[i] = distance(static_cast<double>(bars), by[turns], tolerance);
        }
        for (std::size_t i = 0; i < n; ++i) out[i] = 1.0 - out[i] / tolerance;
    }
    double tolerance;
    Zigzag zigzag{{}};
    Expected expected{NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER};
};

inline std::vector<KernelInfo> fibonacci_kernels() { return {entry<FibonacciCluster>(), entry<FibonacciTime>()}; }

}  // namespace ratchet
