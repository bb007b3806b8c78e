// Patterns of the zigzag's turning points: harmonic patterns and Elliott waves. (high, low, threshold) as for the
// zigzag are logarithms; ratios and levels are in prices, as published. Figures change when a turning point is
// confirmed.
#pragma once
#include "kernels/exponential.hpp"
#include "kernels/zigzag.hpp"

namespace ratchet {

/// A price from its logarithm; finite for any, so that no state is ever without a number.
inline double price_of(double logarithm) { return natural_exp(std::clamp(logarithm, -300.0, 300.0)); }

RATCHET_CLONES inline void prices_of(const double* logarithms, double* prices, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) prices[i] = price_of(logarithms[i]);
}

/// Gives each bar the value at its place in a list.
inline void spread(const double* list, const std::uint32_t* places, double* __restrict out, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) out[i] = list[places[i]];
}

/// The zigzag with its turning points as prices.
struct TurningPrices {
    Zigzag zigzag{{}};
    std::array<double, Zigzag::POINTS> prices{};  // the latest last

    /// The latest; before it those before.
    const double* latest() const { return &prices.back(); }
    bool turns(double high, double low, double threshold) {
        if (!zigzag.turns(high, low, threshold)) return false;
        std::copy(prices.begin() + 1, prices.end(), prices.begin());
        prices.back() = price_of(zigzag.points[0]);
        if (zigzag.now == 0) prices.fill(prices.back());
        return true;
    }
    /// As `Zigzag::follow`; `each` is also given the prices: `Course::point(k)` is the one at k.
    template <class Each>
    void follow(const double* high, const double* low, const double* threshold, std::size_t n, Each each) {
        zigzag.follow(high, low, threshold, n, [&](const Zigzag::Course& course, std::size_t from, std::size_t m) {
            std::array<double, Zigzag::MOST + Zigzag::POINTS> row;
            std::copy(prices.begin(), prices.end(), row.begin());
            double* const latest = row.data() + Zigzag::POINTS;
            prices_of(course.points.data() + Zigzag::POINTS, latest, course.turns);
            each(course, latest, from, m);
            std::copy_n(row.begin() + static_cast<std::ptrdiff_t>(course.turns), Zigzag::POINTS, prices.begin());
        });
    }
    /// Runs a kernel of turning points over n bars: `measure(latest, direction)` gives its figures after a turn, and
    /// those go out till the next one. `also` is then given the course, the figures after each turn, and where the
    /// bars are.
    template <std::size_t Count, class Kernel, class Measure, class Also>
    void run(Kernel& kernel, std::array<double, Count>& figures, const double* high, const double* low,
             const double* threshold, const Told<Output>& told, std::size_t n, Measure measure, Also also) {
        const std::size_t first = zigzag.now < 0 && n > 0;
        if (first) told.update(kernel, 0, high[0], low[0], threshold[0]);
        std::array<std::array<double, Zigzag::MOST + 1>, Count> since;  // each figure after each turn
        const auto put = [&](std::size_t k) {
            for (std::size_t f = 0; f < Count; ++f) since[f][k] = figures[f];
        };
        follow(high + first, low + first, threshold + first, n - first,
               [&](const Zigzag::Course& course, const double* latest, std::size_t from, std::size_t m) {
                   put(0);
                   for (std::size_t k = 0; k < course.turns; ++k) {
                       measure(latest + k, course.direction(k + 1));
                       put(k + 1);
                   }
                   for (std::size_t r = 0; r < told.readings.size(); ++r)
                       spread(since[told.readings[r].index].data(), course.turns_by.data(),
                              told.out[r]->buffer + first + from, m);
                   also(course, since, first + from, m);
               });
    }
    template <class A>
    void state(A& archive) {
        archive(zigzag), archive(prices);
    }
};

/// Ranges of AB / XA (b), BC / AB (c) and CD / BC (projection), and the AD / XA at which the pattern completes.
struct HarmonicPattern {
    double b_low, b_high, c_low, c_high, projection_low, projection_high, completion;
};

/// Gartley (1935), Profits in the Stock Market, with the ratios of Carney (2010), Harmonic Trading 1.
inline constexpr std::array<HarmonicPattern, 4> HARMONIC_PATTERNS{{
    {0.618, 0.618, 0.382, 0.886, 1.272, 1.618, 0.786},  // Gartley
    {0.382, 0.5, 0.382, 0.886, 1.618, 2.618, 0.886},    // bat
    {0.786, 0.786, 0.382, 0.886, 1.618, 2.24, 1.272},   // butterfly
    {0.382, 0.618, 0.382, 0.886, 2.24, 3.618, 1.618},   // crab
}};

/// X A B C are the four latest turning points, the live leg runs to D. Where D completes the pattern follows from X and
/// A, and so does the projection CD / BC that it takes.
struct Harmonic {
    static constexpr const char* NAME = "harmonic";
    static constexpr const char* FORMULA =
        "fit of the zigzag's four latest turning points X A B C to harmonic patterns (Gartley, bat, butterfly, "
        "crab): exp(-sum of squares / 2) of how far each ratio misses its range, as a share of the range's nearer "
        "end, over `tolerance`. output 0: best fit, with the sign of the turn expected at D; 1: price at which that"
        " pattern completes; 2: like 0 for the pattern that the latest turning point completed as D; 3 to 6: fit of"
        " each pattern; 7 to 10: price at which each completes";
    static constexpr int ARITY = 3;
    static std::vector<Parameter> parameters() { return {{"tolerance", 1e-3, 10, false}, {"output", 0, 10, true}}; }
    static Settings examples() { return {{0.1, 0}, {0.5, 1}, {0.5, 2}, {0.1, 4}, {0.1, 10}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    using Reading = Output;

    explicit Harmonic(const std::vector<double>& p) : tolerance(p[0]) {}
    bool update(double high, double low, double threshold) {
        if (turning.turns(high, low, threshold))
            measure(turning.latest(), tolerance, turning.zigzag.direction, figures.data());
        return true;
    }
    void run(const double* high, const double* low, const double* threshold, const Told<Output>& told, std::size_t n) {
        turning.run(
            *this, figures, high, low, threshold, told, n,
            [this](const double* latest, double up) { measure(latest, tolerance, up, figures.data()); },
            [](const auto&...) {});
    }
    double read(const Output& output) const { return figures[output.index]; }
    template <class A>
    void state(A& archive) {
        archive(turning), archive(figures);
    }

  private:
    static constexpr std::size_t COUNT = HARMONIC_PATTERNS.size(), FIT = 3, COMPLETION = FIT + COUNT;
    static_assert(COUNT == FOUR);

    /// One of the patterns' numbers for all of them side by side.
    RATCHET_INLINE static Four of_each(double HarmonicPattern::* number) {
        Four all_four{};
        for (std::size_t i = 0; i < COUNT; ++i) all_four[i] = HARMONIC_PATTERNS[i].*number;
        return all_four;
    }
    RATCHET_INLINE static Four miss(const Four& ratio, const Four& low, const Four& high) {
        const Flags below = ratio < low;  // which end, first: a division is dear
        return Larger()((below ? low - ratio : ratio - high) / (below ? low : high), Four{});
    }
    RATCHET_INLINE static Four fit(const Four& squares, double tolerance) {
        std::array<double, FOUR> result;
        store(result.data(), squares * (-0.5 / (tolerance * tolerance)));
        for (double& each : result) each = natural_exp(each);
        return load(result.data());
    }
    /// Of the turning points w X A B C (prices): w X A B was forecast so far, and C was to be its D.
    [[gnu::flatten]] RATCHET_CLONES static void measure(const double* latest, double tolerance, double up,
                                                        double* figures) {
        using Pattern = HarmonicPattern;
        const double c = latest[0], b = latest[-1], a = latest[-2], x = latest[-3], w = latest[-4];
        const double xa = std::abs(a - x), ab = std::abs(b - a), bc = std::abs(c - b), wx = std::abs(x - w);
        const Four completion = of_each(&Pattern::completion), d = a - completion * (a - x);
        Four score = load(figures + FIT);
        double completed = 0.0;
        if (wx > 0.0) {
            const Four off = miss(all(std::abs(c - x) / wx), completion, completion);
            completed = folded(score * fit(off * off, tolerance), Larger());
        }
        score = Four{};
        if (xa > 0.0 && ab > 0.0 && bc > 0.0) {
            const Four low = of_each(&Pattern::projection_low), high = of_each(&Pattern::projection_high);
            const Four projection = absolute(c - d) / bc;
            const Four off_b = miss(all(ab / xa), of_each(&Pattern::b_low), of_each(&Pattern::b_high)),
                       off_c = miss(all(bc / ab), of_each(&Pattern::c_low), of_each(&Pattern::c_high)),
                       off_d = miss(projection, low, high);
            score = fit(off_b * off_b + off_c * off_c + off_d * off_d, tolerance);
        }
        store(figures + FIT, score);
        store(figures + COMPLETION, d);
        std::size_t best = 0;
        for (std::size_t i = 1; i < COUNT; ++i) best = score[i] > score[best] ? i : best;
        figures[0] = -up * score[best];
        figures[1] = d[best];
        figures[2] = up * completed;
    }
    double tolerance;
    TurningPrices turning;
    std::array<double, COMPLETION + COUNT> figures{};
};

/// Wave 3 runs from the latest turning point after two waves, wave 5 after four. Frost and Prechter (1978), Elliott
/// Wave Principle: wave 2 never passes the start of wave 1, wave 3 passes the end of wave 1 and is never the shortest
/// of 1, 3 and 5, wave 4 never enters the range of wave 1.
struct Elliott {
    static constexpr const char* NAME = "elliott";
    static constexpr const char* FORMULA =
        "Elliott waves that end in the zigzag's live leg. output 0: 1 where the leg can be wave 3 (wave 2 held the "
        "start of wave 1), else 0; 1: end of 2 + 1.618 x wave 1; 2: 1 where it can be wave 5 (as before, wave 3 "
        "passed the end of 1, wave 4 held it, wave 3 is not the shortest), else 0; 3, 4: end of 4 + 0.618, 1 x wave"
        " 1; 5, 6: end of 4 + 0.618, 1 x the way from the start of 1 to the end of 3";
    static constexpr int ARITY = 3;
    static std::vector<Parameter> parameters() { return {{"output", 0, 6, true}}; }
    static Settings examples() { return {{0}, {1}, {2}, {4}, {5}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    using Reading = Output;

    explicit Elliott(const std::vector<double>&) {}
    bool update(double high, double low, double threshold) {
        if (turning.turns(high, low, threshold)) measure(turning.latest(), turning.zigzag.direction);
        figures[FIFTH] = is_fifth(turning.zigzag.direction * turning.zigzag.extreme, figures[FIFTH_LIMIT]);
        return true;
    }
    void run(const double* high, const double* low, const double* threshold, const Told<Output>& told, std::size_t n) {
        turning.run(
            *this, figures, high, low, threshold, told, n,
            [this](const double* latest, double up) { measure(latest, up); },
            [&](const Zigzag::Course& course, const auto& lists, std::size_t from, std::size_t m) {
                const auto fifth = [&](std::size_t i) {
                    return is_fifth(course.leg[i], lists[FIFTH_LIMIT][course.turns_by[i]]);
                };
                for (std::size_t r = 0; r < told.readings.size(); ++r)
                    if (told.readings[r].index == FIFTH)
                        for (std::size_t i = 0; i < m; ++i) told.out[r]->buffer[from + i] = fifth(i);
                figures[FIFTH] = fifth(m - 1);
            });
    }
    double read(const Output& output) const { return figures[output.index]; }
    template <class A>
    void state(A& archive) {
        archive(turning), archive(figures);
    }

  private:
    /// Of the figures: the one that the live leg's extreme decides, and how far that may go.
    static constexpr std::size_t FIFTH = 2, FIFTH_LIMIT = 7;

    /// Once wave 5 outgrows it, a wave 3 shorter than wave 1 is the shortest.
    static double is_fifth(double leg, double limit) { return leg <= limit ? 1.0 : 0.0; }
    void measure(const double* latest, double up) {
        const double e = latest[0], d = latest[-1], c = latest[-2], b = latest[-3], a = latest[-4];
        figures[0] = up * (d - c) > 0.0 && up * (e - c) > 0.0 ? 1.0 : 0.0;
        figures[1] = e + 1.618 * (d - c);
        figures[3] = e + 0.618 * (b - a);
        figures[4] = e + (b - a);
        figures[5] = e + 0.618 * (d - a);
        figures[6] = e + (d - a);
        const bool can_be = up * (b - a) > 0.0 && up * (c - a) > 0.0 && up * (d - b) > 0.0 && up * (e - b) > 0.0;
        const double end = e + (d - c);  // of a wave 5 as long as wave 3
        constexpr double ANY = std::numeric_limits<double>::max();
        figures[FIFTH_LIMIT] = !can_be                                            ? -ANY
                               : std::abs(d - c) >= std::abs(b - a) || end <= 0.0 ? ANY
                                                                                  : up * std::log(end);
    }
    TurningPrices turning;
    std::array<double, 8> figures{};
};

inline std::vector<KernelInfo> pattern_kernels() { return {entry<Harmonic>(), entry<Elliott>()}; }

}  // namespace ratchet
