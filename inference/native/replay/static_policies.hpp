// Exits without learning: what the static baselines decide.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "position.hpp"
#include "replay/fills.hpp"

namespace ratchet {

/// Levels from distances in price units (NaN: none), times a multiple each: stop and target as of the signal's bar,
/// from the fill; the trail follows the extreme since the fill at the distance of the bar just closed.
struct TablePolicy {
    const double *stop_distance, *target_distance;  // per entry
    const double* trail_distance;                   // per bar; null: none
    double stop_times, target_times, trail_times;   // NaN: none
    double tick;

    bool moves() const { return trail_distance && trail_times == trail_times; }
    void open(Position& position, std::int64_t) const {
        position.initial_distance = on_ticks(stop_times * stop_distance[position.id], tick);
        position.stop = position.entry - position.side * position.initial_distance;
        position.target = position.entry + position.side * on_ticks(target_times * target_distance[position.id], tick);
    }
    void update(Position& position, std::int64_t bar) const {
        const double level = position.best - position.side * on_ticks(trail_times * trail_distance[bar], tick);
        if (position.side * (level - position.stop) > 0.0) position.stop = level;
    }
};

/// Wilder's parabolic stop ("New Concepts in Technical Trading Systems", 1978, section II), started by the entry:
/// SAR' = SAR + AF (EP - SAR), EP the extreme since the fill; AF grows by a step at each new extreme, to ten steps.
/// Never nearer than the worse extreme of the last two bars since the fill. Wilder reverses at the stop; a trade ends
/// there.
struct ParabolicPolicy {
    static constexpr double MOST_STEPS = 10.0;

    BarColumns bars;
    const double* stop_distance;  // per entry
    double stop_times, step, tick;
    double level = 0.0, extreme = 0.0, factor = 0.0;  // of the present trade, times its side
    std::int64_t first = 0;

    bool moves() const { return true; }
    void open(Position& position, std::int64_t filled) {
        position.initial_distance = on_ticks(stop_times * stop_distance[position.id], tick);
        position.stop = position.entry - position.side * position.initial_distance;
        level = position.side * position.stop;
        factor = step;
        first = filled;
    }
    void update(Position& position, std::int64_t bar) {
        const int side = position.side;
        const double *good = side > 0 ? bars.high : bars.low, *bad = side > 0 ? bars.low : bars.high;
        if (bar == first) {
            extreme = side * good[bar];
        } else if (side * good[bar] > extreme) {
            extreme = side * good[bar];
            factor = std::min(factor + step, MOST_STEPS * step);
        }
        level = std::min({level + factor * (extreme - level), side * bad[bar], side * bad[std::max(first, bar - 1)]});
        const double placed = tick > 0.0 ? std::floor(level / tick + 1e-9) * tick : level;  // never nearer than asked
        if (placed > side * position.stop) position.stop = side * placed;
    }
};

}  // namespace ratchet
