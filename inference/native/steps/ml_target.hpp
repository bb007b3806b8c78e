// T1, ML target: the distance of greatest expected net value under the curve of the remaining favourable excursion.
//
//   value(x) = weight [P_reach(x) x + (1 - P_reach(x)) unreached(x)] - P_reach(x) limit_cost - (1 - P_reach(x))
//   market_cost
//
// unreached(x): mean result of training paths that do not get to x, in volatility units; weight: how far the
// calibration part bears such gains out. Without an edge the cheaper exit at a limit decides, and min_r keeps the
// target away.
#pragma once
#include "context.hpp"

namespace ratchet {

inline double ml_target(const Context& c, double level) {
    if (!c.reach)
        return c.opening ? c.position.entry + c.side() * c.target.fallback_r * c.position.initial_distance : level;
    const double limit_cost = c.target.limit_cost * c.price / c.unit,
                 market_cost = c.target.market_cost * c.price / c.unit;
    double best = -INFINITY, distance = c.target_grid.back();
    for (std::size_t k = 0; k < c.target_grid.size(); ++k) {
        const double reach = c.reach[k];
        const double gain = reach * c.target_grid[k] + (1.0 - reach) * c.target.unreached[k];
        const double value = c.target.edge_weight * gain - reach * limit_cost - (1.0 - reach) * market_cost;
        if (value > best) best = value, distance = c.target_grid[k];
    }
    return c.price + c.side() * distance * c.unit;
}

}  // namespace ratchet
