// The live swing of prices, in logarithms, so that distances are fractions.
#pragma once
#include <algorithm>
#include <array>

#include "kernels/kernel.hpp"
#include "kernels/lanes.hpp"

namespace ratchet {

/// Alternating turning points: a leg ends once a later bar retraces `threshold` from its extreme. The bar that makes a
/// new extreme never ends the leg, since the order inside a bar is unknown. The first leg rises from the first bar's
/// low, which stands for the turning points before it too.
struct Zigzag {
    static constexpr const char* NAME = "zigzag";
    static constexpr const char* FORMULA =
        "turning points of (high, low) by retracements of at least the third input. output 0: direction of the live "
        "leg, 1 or -1; 1: its extreme; 2 to 6: the latest, the second-latest ... fifth-latest turning point; 7: bars "
        "since the latest turning point; 8: bars since the extreme";
    static constexpr int ARITY = 3;
    static std::vector<Parameter> parameters() { return {{"output", 0, 8, true}}; }
    static Settings examples() { return {{0}, {1}, {2}, {3}, {6}, {7}, {8}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    using Reading = Output;
    static constexpr std::size_t POINTS = 5, MOST = 256;  // turning points that are told, and bars at once

    explicit Zigzag(const std::vector<double>&) {}
    bool update(double high, double low, double threshold) {
        turns(high, low, threshold);
        return true;
    }
    /// Feeds one bar; whether a turning point was confirmed on it (or it is the first bar).
    bool turns(double high, double low, double threshold) {
        if (++now == 0) {
            extreme = high;
            points.fill(low);
            return true;
        }
        // whether a bar makes a new extreme cannot be foretold: without a branch
        const bool rises = direction > 0.0;
        const bool further = rises ? high >= extreme : low <= extreme;
        const double retraced = rises ? extreme - low : high - extreme;
        if (!further & (retraced >= threshold)) {
            std::move_backward(points.begin(), points.end() - 1, points.end());
            points[0] = extreme;
            point_at = extreme_at;
            direction = -direction;
            extreme = rises ? low : high;
            extreme_at = now;
            return true;
        }
        extreme = further ? (rises ? high : low) : extreme;
        extreme_at = further ? now : extreme_at;
        return false;
    }
    double read(const Output& output) const {
        switch (output.index) {
            case 0:
                return direction;
            case 1:
                return extreme;
            case 7:
                return static_cast<double>(now - point_at);
            case 8:
                return static_cast<double>(now - extreme_at);
            default:
                return points[output.index - 2];
        }
    }

    /// What some bars have brought. Of lists that begin with what was before them, a bar's is the one at the number of
    /// turns or of extremes so far.
    struct Course {
        std::array<double, 2> ways;                             // direction after an even, an odd number of turns
        std::int64_t start;                                     // number of the first of them
        std::size_t turns = 0, extremes = 0;                    // how many
        std::array<std::uint32_t, MOST> turns_by, extremes_by;  // how many by each bar
        std::array<double, MOST> leg;                           // extreme at each bar; negative where the leg falls
        std::array<double, MOST + POINTS> points;               // oldest first
        std::array<std::int64_t, MOST + 1> point_at, extreme_at;

        double direction(std::size_t turns_so_far) const { return ways[turns_so_far % 2]; }
        double extreme(std::size_t bar) const { return direction(turns_by[bar]) * leg[bar]; }
        /// The bar of an extreme, counted from the first of these.
        std::size_t bar(std::size_t extreme) const { return static_cast<std::size_t>(extreme_at[extreme + 1] - start); }
        /// The turning point that a turn has confirmed.
        double point(std::size_t turn) const { return points[POINTS + turn]; }
    };
    /// Feeds n bars, of which none is the first of all, and gives `each` what came of up to MOST at a time, which of
    /// them is the first, and how many they are.
    template <class Each>
    void follow(const double* high, const double* low, const double* threshold, std::size_t n, Each each) {
        for (std::size_t i = 0, m = 0; i < n; i += m) {
            m = std::min(n - i, MOST);
            Course course;
            begin(course);
            pass(high + i, low + i, threshold + i, m, direction * extreme, course);
            end(course, m);
            each(course, i, m);
        }
    }
    void run(const double* high, const double* low, const double* threshold, const Told<Output>& told, std::size_t n) {
        const std::size_t first = now < 0 && n > 0;
        if (first) told.update(*this, 0, high[0], low[0], threshold[0]);
        follow(high + first, low + first, threshold + first, n - first,
               [&](const Course& course, std::size_t from, std::size_t m) {
                   for (std::size_t r = 0; r < told.readings.size(); ++r)
                       tell(course, told.readings[r].index, told.out[r]->buffer + first + from, m);
               });
    }
    template <class A>
    void state(A& archive) {
        archive(direction), archive(extreme), archive(points), archive(now), archive(point_at), archive(extreme_at);
    }
    double direction = 1.0, extreme = 0.0;
    std::array<double, POINTS> points{};
    std::int64_t now = -1, point_at = 0, extreme_at = 0;

  private:
    void begin(Course& course) const {
        course.ways = {direction, -direction};
        course.start = now + 1;
        course.point_at[0] = point_at;
        course.extreme_at[0] = extreme_at;
        std::reverse_copy(points.begin(), points.end(), course.points.begin());
    }
    /// As `turns`, bar by bar, without a branch: a turn cannot be foretold either. A falling leg is seen upside down:
    /// it too rises.
    RATCHET_CLONES static void pass(const double* high, const double* low, const double* threshold, std::size_t n,
                                    double leg, Course& course) {
        Flag rises = Two{course.ways[0], course.ways[0]} > 0.0;
        Two extreme{leg, leg};
        std::size_t turns = 0, extremes = 0;
        for (std::size_t i = 0; i < n; ++i) {
            const Two top{high[i], high[i]}, bottom{-low[i], -low[i]}, least{threshold[i], threshold[i]};
            const Two ahead = rises ? top : bottom, back = rises ? bottom : top;
            const Flag further = ahead >= extreme, turn = ~further & (extreme + back >= least);
            // written behind the lists, where they stay if they are
            course.points[POINTS + turns] = (rises ? extreme : -extreme)[0];
            course.point_at[turns + 1] = course.extreme_at[extremes];
            course.extreme_at[extremes + 1] = course.start + static_cast<std::int64_t>(i);
            extreme = turn ? back : further ? ahead : extreme;
            rises ^= turn;
            turns -= static_cast<std::size_t>(turn[0]);
            extremes -= static_cast<std::size_t>((turn | further)[0]);
            course.leg[i] = extreme[0];
            course.turns_by[i] = static_cast<std::uint32_t>(turns);
            course.extremes_by[i] = static_cast<std::uint32_t>(extremes);
        }
        course.turns = turns;
        course.extremes = extremes;
    }
    void end(const Course& course, std::size_t n) {
        direction = course.direction(course.turns);
        extreme = direction * course.leg[n - 1];
        now += static_cast<std::int64_t>(n);
        point_at = course.point_at[course.turns];
        extreme_at = course.extreme_at[course.extremes];
        std::reverse_copy(course.points.begin() + static_cast<std::ptrdiff_t>(course.turns),
                          course.points.begin() + static_cast<std::ptrdiff_t>(course.turns + POINTS), points.begin());
    }
    static void tell(const Course& course, std::size_t output, double* __restrict out, std::size_t n) {
        const auto each = [&](auto value) {
            for (std::size_t i = 0; i < n; ++i) out[i] = value(i);
        };
        const auto since = [&](std::size_t i, std::int64_t then) {
            return static_cast<double>(course.start + static_cast<std::int64_t>(i) - then);
        };
        switch (output) {
            case 0:
                return each([&](std::size_t i) { return course.direction(course.turns_by[i]); });
            case 1:
                return each([&](std::size_t i) { return course.extreme(i); });
            case 7:
                return each([&](std::size_t i) { return since(i, course.point_at[course.turns_by[i]]); });
            case 8:
                return each([&](std::size_t i) { return since(i, course.extreme_at[course.extremes_by[i]]); });
            default:
                return each([&](std::size_t i) { return course.points[POINTS + 1 - output + course.turns_by[i]]; });
        }
    }
};

}  // namespace ratchet
