// S1, ML-predicted stop: the distance of greatest expected net value under the hit and reversal curves.
//
//   value(d) = (P_hit(d) - P_rev(d)) avoided(d) - P_rev(d) forgone(d) - P_hit(d) cost - risk_price d
//
// avoided(d): what a stopped path that does not come back would have lost beyond d; forgone(d): what one that comes
// back would have made up; both means of the training part, in volatility units. In a martingale the first two terms
// cancel and costs alone push the stop out (Kaminski and Lo 2014); risk_price says what a unit of distance at risk must
// earn.
#pragma once
#include "context.hpp"

namespace ratchet {

inline double ml_stop(const Context& c, double level) {
    if (!c.hit) {
        if (!c.opening) return level;
        double distance = c.atr > 0.0 ? c.stop.fallback_atr * c.atr : c.stop.fallback_fraction * c.price;
        return c.price - c.side() * distance;
    }
    const bool may_trail = c.position.gain(c.price) >= c.stop.trail_from_r * c.position.initial_distance;
    if (!c.opening && !may_trail) return level;
    const double cost = c.stop.cost * c.price / c.unit;
    double best = -INFINITY, distance = c.stop_grid.back();
    for (std::size_t k = 0; k < c.stop_grid.size(); ++k) {
        const double hit = c.hit[k], reversal = c.reversal[k];
        const double edge = (hit - reversal) * c.stop.avoided[k] - reversal * c.stop.forgone[k];
        const double value = c.stop.edge_weight * edge - hit * cost - c.stop.risk_price * c.stop_grid[k];
        if (value > best) best = value, distance = c.stop_grid[k];
    }
    return c.price - c.side() * distance * c.unit;
}

}  // namespace ratchet
