// The fill contract. Labels, replay and baselines all ask this file, and no other, what a bar does to a stop or target
// and what a fill costs. Point by point, with what the peers do: docs/fills.md.
//
// - A decision at the close of bar t acts from bar t+1; entries fill at the next open; the entry bar is checked for
//   exits. A bar without volume fills nothing.
// - Stop: at the open where the bar opens at or beyond it, else at the level. Target: a limit order; at the open where
//   the bar opens beyond it, else at the level and only if price trades through it.
// - Both in one bar: pessimistic takes the stop; adaptive takes the extreme nearer to the open first; detail asks bars
//   of a lower timeframe, each of them pessimistic.
// - Costs: taker fee, slippage and impact on market fills (entry, stop, time), maker fee alone on targets.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "market.hpp"

namespace ratchet {

enum class FillMode : std::uint8_t { pessimistic = 0, adaptive = 1, detail = 2 };
/// emergency: the venue refused the protective order twice. liquidation: the venue closed the position.
enum class ExitReason : std::uint8_t { open = 0, stop = 1, target = 2, time = 3, liquidation = 4, emergency = 5 };

struct Fill {
    ExitReason reason = ExitReason::open;
    double price = 0.0, intended = 0.0;
    bool gap = false;   // at the open, beyond the level
    bool last = false;  // nothing but the way to the close follows inside the bar
};

/// A distance as a whole number of ticks, at least one; tick 0: as it is. Fills are on ticks, so a level at such a
/// distance is on one.
inline double on_ticks(double distance, double tick) {
    return tick > 0.0 ? std::max(std::nearbyint(distance / tick), 1.0) * tick : distance;
}

/// The best and the worst price of the bar for a position of this side.
inline double favourable(const Bar& bar, int side) { return side > 0 ? bar.high : bar.low; }
inline double adverse(const Bar& bar, int side) { return side > 0 ? bar.low : bar.high; }

inline bool touches_stop(const Bar& bar, int side, double stop) { return side * (adverse(bar, side) - stop) <= 0.0; }
inline bool trades_through(const Bar& bar, int side, double target) {
    return side * (favourable(bar, side) - target) > 0.0;
}

/// Which extreme of the bar comes first in this mode.
inline bool adverse_first(const Bar& bar, int side, FillMode mode) {
    return mode != FillMode::adaptive ||
           !(std::abs(favourable(bar, side) - bar.open) < std::abs(adverse(bar, side) - bar.open));
}

/// Whether the result hangs on the order inside the bar: it holds both levels, and its open decides nothing.
inline bool is_ambiguous(const Bar& bar, int side, double stop, double target) {
    return touches_stop(bar, side, stop) && trades_through(bar, side, target) && side * (bar.open - stop) > 0.0 &&
           !(side * (bar.open - target) > 0.0);
}

/// What the bar does to a position that holds these levels (NaN: none; comparisons with NaN are false).
inline Fill check_exit(const Bar& bar, int side, double stop, double target, FillMode mode) {
    if (side * (bar.open - stop) <= 0.0) return {ExitReason::stop, bar.open, stop, true, false};
    if (side * (bar.open - target) > 0.0) return {ExitReason::target, bar.open, target, true, false};
    const bool stopped = touches_stop(bar, side, stop), reached = trades_through(bar, side, target);
    if (stopped) {
        const bool first = adverse_first(bar, side, mode);
        if (first || !reached) return {ExitReason::stop, stop, stop, false, !first};
    }
    if (reached) return {ExitReason::target, target, target, false, false};
    return {};
}

/// What the same bar does to the rest of a position after a part of it was filled at a target inside the bar, with the
/// levels that hold from then on. Pessimistic: a stop that any order of the bar would reach is reached, before the next
/// target; adaptive: where the adverse extreme came first, only the way to the close can still reach it.
inline Fill check_rest(const Bar& bar, int side, double stop, double target, FillMode mode) {
    const bool adaptive = mode == FillMode::adaptive;
    const bool stopped =
        adaptive && adverse_first(bar, side, mode) ? side * (bar.close - stop) <= 0.0 : touches_stop(bar, side, stop);
    const bool reached = trades_through(bar, side, target);
    if (stopped && !(reached && adaptive)) return {ExitReason::stop, stop, stop, false, true};
    if (reached) return {ExitReason::target, target, target, false, false};
    return {};
}

struct Costs {
    double taker_fee, maker_fee, slippage;  // fractions of price; slippage: half the spread, or any constant

    double market() const { return taker_fee + slippage; }
};

/// Square-root law of market impact (Almgren et al. 2005; Tóth et al. 2011): the price moves by coefficient * sigma *
/// sqrt(quantity / volume). sigma (fraction of price) and volume (units of quantity: traded in a bar, or resting in the
/// book) stand per bar; what was bought for `notional` at the fill is the quantity to its end.
struct Impact {
    double coefficient = 0.0, notional = 0.0;
    const double *sigma = nullptr, *volume = nullptr;  // null: no impact

    double at(std::int64_t bar, double entry, double fraction) const {
        return sigma ? coefficient * sigma[bar] * std::sqrt(fraction * notional / entry / volume[bar]) : 0.0;
    }
};

/// Prices after costs: what an entry costs and what an exit brings, per unit.
inline double entry_after_costs(double fill, int side, const Costs& costs, double impact = 0.0) {
    return fill * (1.0 + side * (costs.market() + impact));
}
inline double exit_after_costs(double fill, int side, ExitReason reason, const Costs& costs, double impact = 0.0) {
    return fill * (1.0 - side * (reason == ExitReason::target ? costs.maker_fee : costs.market() + impact));
}
/// The price of an exit with slippage and impact, before fees.
inline double exit_before_fees(double fill, int side, ExitReason reason, const Costs& costs, double impact = 0.0) {
    return reason == ExitReason::target ? fill : fill * (1.0 - side * (costs.slippage + impact));
}

/// Isolated margin of entry / leverage, closed by the venue where what is left of it falls to maintenance * price.
struct Margin {
    double leverage = 0.0, maintenance = 0.0, fee = 0.0;  // leverage 0: none; fee: fraction of price, beside taker's

    /// The price p with entry / leverage + side * (p - entry) = maintenance * p.
    double liquidation_price(double entry, int side) const {
        return leverage > 0.0 ? entry * (1.0 - side / leverage) / (1.0 - side * maintenance) : NAN;
    }
};

/// Funding rates of a perpetual per bar: those inside it, and those at its open or since the bar before ended (its
/// interval after its open, at the latest). Who leaves at the close of a bar holds across none that come later, so what
/// comes after the last bar is nobody's.
struct FundingRates {
    struct Stamp {
        std::int64_t bar;
        double at_open = 0.0, inside = 0.0;  // rates at the bar's open, and later in it
    };
    std::vector<Stamp> stamps;  // ascending

    FundingRates(const BarColumns& bars, std::int64_t n, const std::int64_t* ts, const double* rate, std::int64_t m) {
        if (m == 0) return;
        const std::int64_t interval = usual_interval(bars.ts, n);
        std::int64_t j = 0;
        for (std::int64_t k = 0; k < m; ++k) {
            while (j < n && bars.ts[j] < ts[k]) ++j;  // the first bar from the stamp on
            const bool within = j > 0 && ts[k] < bars.ts[j - 1] + interval && (j == n || ts[k] < bars.ts[j]);
            const std::int64_t at = within ? j - 1 : j;
            if (at == n) break;
            if (stamps.empty() || stamps.back().bar != at) stamps.push_back({at});
            (within ? stamps.back().inside : stamps.back().at_open) += rate[k];
        }
    }
    /// Place of the first stamp that is not before bar j.
    std::size_t from(std::int64_t j) const {
        const auto before = [](const Stamp& stamp, std::int64_t bar) { return stamp.bar < bar; };
        return static_cast<std::size_t>(std::lower_bound(stamps.begin(), stamps.end(), j, before) - stamps.begin());
    }
    /// The stamp of bar j or null; `next`: place of a stamp, which is moved up to j.
    const Stamp* at(std::int64_t j, std::size_t& next) const {
        while (next < stamps.size() && stamps[next].bar < j) ++next;
        return next < stamps.size() && stamps[next].bar == j ? &stamps[next] : nullptr;
    }
};

/// What a stamp brings per unit: longs pay shorts where the rate is above 0.
inline double funding_payment(int side, double rate, double price) { return -side * rate * price; }

}  // namespace ratchet
