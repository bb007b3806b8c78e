// T2, R-multiple adjustment: the target stays between min_r and max_r times the initial risk from the entry.
#pragma once
#include <algorithm>

#include "context.hpp"

namespace ratchet {

inline double r_multiple(const Context& c, double level) {
    const double risk = c.position.initial_distance;
    const double distance = std::clamp(c.position.gain(level), c.target.min_r * risk, c.target.max_r * risk);
    return c.position.entry + c.side() * distance;
}

}  // namespace ratchet
