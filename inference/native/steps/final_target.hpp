// Final form of the target: on a tick, outward (so that the minimum reward-to-risk holds), and clear of the price.
#pragma once
#include "final_stop.hpp"

namespace ratchet {

inline double final_target(const Context& c, double level) {
    const int side = c.side();
    const double nearest = c.price + side * std::max(c.risk.min_distance * c.price, c.tick);
    return round_to_tick(side > 0 ? std::max(level, nearest) : std::min(level, nearest), c.tick, side);
}

}  // namespace ratchet
