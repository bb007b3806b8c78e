// Final form of the target: at least the minimum distance ahead of the price, on a tick (the one that fills first).
#pragma once
#include "final_stop.hpp"

namespace ratchet {

inline double final_target(const Context& c, double level) {
    const int side = c.side();
    level = round_to_tick(level, c.tick, -side);
    const double nearest = c.price + side * std::max(c.risk.min_distance * c.price, c.tick);
    if (side * (level - nearest) >= 0.0) return level;
    return round_to_tick(nearest, c.tick, side);
}

}  // namespace ratchet
