// What the rest of the horizon would have brought a closed trade.
#pragma once
#include "replay/tape.hpp"

namespace ratchet {

/// Fills in the trade's horizon figures, `beyond` and `premature`. `later`: the best price that the exit bar still
/// reached after the exit, as far as the mode tells.
inline void look_back(const Tape& tape, std::int64_t last_bar, ExitReason reason, double later, Trade& trade) {
    const int side = trade.side;
    const double p0 = trade.entry_price;
    const std::int64_t last = std::min(last_bar, tape.n - 1), first = trade.entry_index, exit_bar = trade.exit_index;
    const Extremes& extremes = tape.extremes;
    trade.horizon_mfe = std::max(0.0, side * (extremes.favourable(side, first, last) - p0));
    trade.horizon_mae = std::max(0.0, side * (p0 - extremes.adverse(side, first, last)));
    const double close = tape.bars.close[last];
    const double impact = tape.terms.impact.at(last, trade.fill_price, 1.0);
    trade.horizon_pnl = side * (exit_after_costs(close, side, ExitReason::time, tape.terms.costs, impact) - p0);
    const auto& stamps = tape.funding.stamps;
    for (std::size_t k = tape.funding.from(first); k < stamps.size() && stamps[k].bar <= last; ++k) {
        const double rate = stamps[k].inside + (stamps[k].bar > first ? stamps[k].at_open : 0.0);
        trade.horizon_pnl += funding_payment(side, rate, tape.bars.open[stamps[k].bar]);
    }
    if (reason != ExitReason::stop) return;
    if (exit_bar <= last)
        trade.beyond = std::max(0.0, side * (trade.stop_at_exit - extremes.adverse(side, exit_bar, last)));
    if (trade.r > 0.0) return;
    const auto recovered = [&](double price) { return side * (price - p0) >= trade.stop_distance; };
    trade.premature = recovered(later) || (exit_bar < last && recovered(extremes.favourable(side, exit_bar + 1, last)));
}

}  // namespace ratchet
