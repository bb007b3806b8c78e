// S2, volatility adjustment: a newly proposed stop stays between min_atr and max_atr times ATR (Wilder 1978) from the
// price.
#pragma once
#include <algorithm>

#include "context.hpp"

namespace ratchet {

inline double volatility_stop(const Context& c, double level) {
    if (!(c.atr > 0.0) || level == c.position.stop) return level;
    const double distance = std::clamp(-c.ahead(level), c.stop.min_atr * c.atr, c.stop.max_atr * c.atr);
    return c.price - c.side() * distance;
}

}  // namespace ratchet
