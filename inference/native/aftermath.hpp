// What the rest of the horizon would have brought a closed trade.
#pragma once
#include "trade.hpp"

namespace ratchet {

/// Fills in the trade's horizon figures, `beyond` and `premature`. `later`: the best price that the exit bar still
/// reached after the exit, as far as the mode tells.
inline void look_back(const BarColumns& bars, std::int64_t n, const Terms& terms, const FundingRates& funding,
                      std::int64_t last_bar, ExitReason reason, double later, Trade& trade) {
    const int side = trade.side;
    const double p0 = trade.entry_price;
    const std::int64_t last = std::min(last_bar, n - 1), exit_bar = trade.exit_index;
    double best = -INFINITY, worst = INFINITY, after = 0.0;  // in favour, against, from entry; beyond the stop after it
    bool recovered = side * (later - p0) >= trade.stop_distance;
    auto see = [&](std::int64_t k) {
        const Bar bar = bars.bar(static_cast<std::size_t>(k));
        best = std::max(best, side * (favourable(bar, side) - p0));
        worst = std::min(worst, side * (adverse(bar, side) - p0));
        return bar;
    };
    for (std::int64_t k = trade.entry_index; k < std::min(exit_bar, last + 1); ++k) see(k);
    for (std::int64_t k = exit_bar; k <= last; ++k) {
        const Bar bar = see(k);
        after = std::max(after, side * (trade.stop_at_exit - adverse(bar, side)));
        if (k > exit_bar) recovered = recovered || side * (favourable(bar, side) - p0) >= trade.stop_distance;
    }
    trade.horizon_mfe = std::max(0.0, best);
    trade.horizon_mae = std::max(0.0, -worst);
    const double close = bars.close[last];
    const double held = exit_after_costs(close, side, ExitReason::time, terms.costs, terms.impact.at(last, close, 1.0));
    trade.horizon_pnl = side * (held - p0);
    if (funding)
        for (std::int64_t k = trade.entry_index; k <= last; ++k) {
            const std::size_t at = static_cast<std::size_t>(k);
            const double rate = funding.inside[at] + (k > trade.entry_index ? funding.at_open[at] : 0.0);
            trade.horizon_pnl += funding_payment(side, rate, bars.open[k]);
        }
    trade.beyond = reason == ExitReason::stop ? after : 0.0;
    trade.premature = reason == ExitReason::stop && trade.r <= 0.0 && recovered;
}

}  // namespace ratchet
