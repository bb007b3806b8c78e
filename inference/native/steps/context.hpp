// What every step of the two pipelines may see. A step takes a level (a price; NaN where there is none yet) and gives
// one.
#pragma once
#include <span>
#include <vector>

#include "../position.hpp"
#include "../price_levels.hpp"

namespace ratchet {

struct StopParameters {
    double cost, risk_price, trail_from_r, min_atr, max_atr, fallback_atr, fallback_fraction;
    std::vector<double> avoided, forgone;  // per grid point, in volatility units, measured on the training part
    double edge_weight;                    // how far those count, 0 to 1, measured on the calibration part
};
struct TargetParameters {
    double limit_cost, market_cost, min_r, max_r, fallback_r;
    std::vector<double> unreached;  // mean result, in units, of paths that do not reach each grid point
    double edge_weight;             // as above
};
struct RiskParameters {
    double max_trade_loss, max_open_risk, min_distance;
};

struct Context {
    const StopParameters& stop;
    const TargetParameters& target;
    const RiskParameters& risk;
    const std::vector<double>&stop_grid, &target_grid;
    const Position& position;
    bool opening;  // levels are being set for the first time
    double price;  // now
    double unit;   // one volatility unit, price units; NaN before warm-up
    double atr;    // price units; NaN before warm-up
    double equity, tick;
    const float* hit;  // curves of the stop net; null where the deterministic rules stand in
    const float* reversal;
    const float* reach;             // of the exit net; null likewise
    std::span<const Level> levels;  // known at the last bar's close, by price

    int side() const { return position.side; }
    /// Positive when `level` is on the profit side of the price.
    double ahead(double level) const { return side() * (level - price); }
};

using Step = double (*)(const Context&, double level);

struct NamedStep {
    const char* name;
    Step apply;
};

}  // namespace ratchet
