// The fill contract. Labels, replay and baselines all ask this file, and no other, what a bar does to a stop or target.
//
// - A decision at the close of bar t acts from bar t+1; entries fill at the next open; the entry bar is checked for
// exits.
// - Stop: at the open where the bar opens at or beyond it, else at the level. Target: a limit order; at the open where
// the
//   bar opens beyond it, else at the level and only if price trades through it.
// - Both in one bar: pessimistic takes the stop; adaptive takes the extreme nearer to the open first.
// - Costs: taker fee and slippage on market fills (entry, stop, time), maker fee alone on targets.
#pragma once
#include "market.hpp"

namespace ratchet {

enum class FillMode : std::uint8_t { pessimistic = 0, adaptive = 1 };
enum class ExitReason : std::uint8_t { open = 0, stop = 1, target = 2, time = 3 };

struct Costs {
    double taker_fee, maker_fee, slippage;  // fractions of price

    double market() const { return taker_fee + slippage; }
};

struct Fill {
    ExitReason reason = ExitReason::open;
    double price = 0.0, intended = 0.0;
    bool gap = false;
};

/// The best and the worst price of the bar for a position of this side.
inline double favourable(const Bar& bar, int side) { return side > 0 ? bar.high : bar.low; }
inline double adverse(const Bar& bar, int side) { return side > 0 ? bar.low : bar.high; }

inline bool touches_stop(const Bar& bar, int side, double stop) { return side * (adverse(bar, side) - stop) <= 0.0; }
inline bool trades_through(const Bar& bar, int side, double target) {
    return side * (favourable(bar, side) - target) > 0.0;
}

/// Which extreme of the bar comes first in this mode.
inline bool adverse_first(const Bar& bar, int side, FillMode mode) {
    return mode == FillMode::pessimistic ||
           !(std::abs(favourable(bar, side) - bar.open) < std::abs(adverse(bar, side) - bar.open));
}

/// What the bar does to a position that holds these levels (NaN: none; comparisons with NaN are false).
inline Fill check_exit(const Bar& bar, int side, double stop, double target, FillMode mode) {
    if (side * (bar.open - stop) <= 0.0) return {ExitReason::stop, bar.open, stop, true};
    if (side * (bar.open - target) > 0.0) return {ExitReason::target, bar.open, target, true};
    const bool stopped = touches_stop(bar, side, stop), reached = trades_through(bar, side, target);
    if (stopped && (!reached || adverse_first(bar, side, mode))) return {ExitReason::stop, stop, stop, false};
    if (reached) return {ExitReason::target, target, target, false};
    return {};
}

/// Prices after costs: what an entry costs and what an exit brings, per unit.
inline double entry_after_costs(double fill, int side, const Costs& costs) {
    return fill * (1.0 + side * costs.market());
}
inline double exit_after_costs(double fill, int side, ExitReason reason, const Costs& costs) {
    return fill * (1.0 - side * (reason == ExitReason::target ? costs.maker_fee : costs.market()));
}

}  // namespace ratchet
