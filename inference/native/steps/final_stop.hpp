// Final validation of the stop: loss limit of the trade, tick, minimum distance, ratchet. Not optional.
#pragma once
#include <cmath>

#include "context.hpp"

namespace ratchet {

/// The nearest multiple of the tick at or beyond `level` in the direction `side` (+1 up, -1 down).
inline double round_to_tick(double level, double tick, int side) {
    if (tick <= 0.0) return level;
    const double steps = level / tick, near = std::round(steps);
    const bool on_it = std::abs(steps - near) < 1e-9 * std::max(1.0, std::abs(steps));
    const double count = on_it ? near : (side > 0 ? std::ceil(steps) : std::floor(steps));
    const double per_unit = std::round(1.0 / tick);  // 8657 / 100 is the double nearest to 86.57; 8657 * 0.01 is not
    return std::abs(per_unit * tick - 1.0) < 1e-12 ? count / per_unit : count * tick;
}

inline double final_stop(const Context& c, double level) {
    const int side = c.side();
    auto tighter = [side](double a, double b) { return side > 0 ? std::max(a, b) : std::min(a, b); };
    auto looser = [side](double a, double b) { return side > 0 ? std::min(a, b) : std::max(a, b); };
    // what the trade may lose at its stop, per unit, the cost of getting out inside
    const double loss = c.risk.max_trade_loss * c.equity / c.position.quantity - c.stop.cost * c.position.entry;
    const double limit = c.position.entry - side * loss;
    level = round_to_tick(tighter(level, limit), c.tick, side);
    const double nearest = c.price - side * std::max(c.risk.min_distance * c.price, c.tick);
    level = round_to_tick(looser(level, nearest), c.tick, -side);
    return c.opening ? level : tighter(level, c.position.stop);  // the ratchet: once in force, a stop never loosens
}

}  // namespace ratchet
