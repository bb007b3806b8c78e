// The books of a replay: what each fill and each funding stamp brings, the finished trades, and their events.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "replay/aftermath.hpp"

namespace ratchet {

class Ledger {
  public:
    explicit Ledger(const Tape& tape) : tape_(tape), terms_(tape.terms), funding_(tape.funding), bars_(tape.bars) {}

    void reserve(std::size_t trades) { out_.trades.reserve(trades); }

    /// Books the entry of a position whose levels are set, at its price (the open of bar j).
    void open(Running& running, std::int64_t entry, std::int64_t j) {
        const Position& position = running.position;
        Trade& trade = running.trade;
        trade.entry = entry;
        trade.side = position.side;
        trade.entry_index = j;
        trade.entry_ts = bars_.ts[j];
        running.next_stamp = funding_.from(j);
        trade.fill_price = position.entry;
        trade.entry_price =
            entry_after_costs(position.entry, position.side, terms_.costs, terms_.impact.at(j, position.entry, 1.0));
        trade.stop_distance = position.initial_distance;
        trade.fallback = position.reason != Reason::model;
        record(running, j, {1.0, trade.entry_price, 0.0, EventKind::entry, ExitReason::open, true});
        record(running, j, {1.0, position.stop, 0.0, EventKind::stop_moved, ExitReason::open, true});
    }

    void stop_moved(const Running& running, std::int64_t j) {
        record(running, j,
               {running.remaining, running.position.stop, 0.0, EventKind::stop_moved, ExitReason::open, false});
    }

    /// A stamp at the open of bar j: who entered there did not hold across it.
    void funding_at_open(Running& running, std::int64_t j) {
        const auto* stamp = funding_.at(j, running.next_stamp);
        if (stamp && j > running.trade.entry_index) pay(running, j, stamp->at_open, running.remaining, false, true);
    }
    /// Stamps inside bar j: the share kept to its close pays or receives; what was held at its open and left on the way
    /// only pays.
    void funding_inside(Running& running, std::int64_t j, double held, double kept) {
        const auto* stamp = funding_.at(j, running.next_stamp);
        if (!stamp) return;
        pay(running, j, stamp->inside, kept, false, false);
        pay(running, j, stamp->inside, held - kept, true, false);
    }

    /// Books the exit of a share of the first quantity.
    void exit(Running& running, std::int64_t j, const Fill& fill, bool at_open, double fraction) {
        Trade& trade = running.trade;
        const int side = trade.side;
        const double impact = terms_.impact.at(j, trade.fill_price, fraction);
        double price = exit_after_costs(fill.price, side, fill.reason, terms_.costs, impact);
        if (fill.reason == ExitReason::liquidation) price -= side * terms_.margin.fee * fill.price;
        const double pnl = fraction * (side * (price - trade.entry_price));
        running.remaining -= fraction;
        // a stop that was set beyond the price is an order at the market: it jumps no level, there was none before
        const double intended = jumped(fill) && running.crossed ? fill.price : fill.intended;
        trade.exit_price += fraction * price;
        trade.intended_price += fraction * intended;
        trade.pnl += pnl;
        ++trade.legs;
        const bool farthest =
            fill.reason == ExitReason::target && running.rung + std::size_t{1} >= terms_.ladder.size();
        if (farthest) trade.reached_2r = trade.target_r >= 2.0 - 1e-9;  // whatever becomes of a rest without a target
        record(running, j,
               {fraction, price, pnl, EventKind::exit, fill.reason, at_open, intended, fill.price,
                exit_before_fees(fill.price, side, fill.reason, terms_.costs, impact)});
    }

    /// Books the exit of what remains and completes the trade. `later`: the best price that bar j reached afterwards.
    void close(Running& running, std::int64_t j, const Fill& fill, bool at_open, double later) {
        exit(running, j, fill, at_open, running.remaining);
        const Position& position = running.position;
        Trade& trade = running.trade;
        const int side = trade.side;
        trade.exit_index = j;
        trade.exit_ts = bars_.ts[j];
        trade.reason = static_cast<std::uint8_t>(fill.reason);
        trade.gap = jumped(fill) && !running.crossed;
        trade.stop_at_exit = position.stop;
        const double p0 = trade.entry_price;
        trade.pnl += trade.funding;
        trade.r = trade.pnl / trade.stop_distance;
        trade.mfe = std::max(0.0, side * (position.best - p0));
        trade.mae = std::max(0.0, side * (p0 - position.worst));
        look_back(tape_, running.last_bar, fill.reason, later, trade);
        out_.trades.push_back(trade);
    }

    /// Trades and events in the order of the entries.
    Replayed finish() {
        const auto earlier = [](const auto& a, const auto& b) { return a.entry < b.entry; };
        auto& [trades, events] = out_;
        if (!std::is_sorted(trades.begin(), trades.end(), earlier)) std::sort(trades.begin(), trades.end(), earlier);
        std::stable_sort(events.begin(), events.end(), earlier);
        return std::move(out_);
    }

  private:
    struct Happening {
        double fraction, price, pnl;
        EventKind kind;
        ExitReason reason;
        bool at_open;
        double intended = NaN, level = NaN, fill = NaN;
    };
    static bool jumped(const Fill& fill) { return fill.gap && fill.reason == ExitReason::stop; }
    void record(const Running& running, std::int64_t j, const Happening& h) {
        if (terms_.record)
            out_.events.push_back({running.trade.entry,
                                   j,
                                   bars_.ts[j],
                                   h.fraction,
                                   h.price,
                                   h.pnl,
                                   h.intended,
                                   h.level,
                                   h.fill,
                                   h.kind,
                                   h.reason,
                                   h.at_open,
                                   {}});
    }
    void pay(Running& running, std::int64_t j, double rate, double fraction, bool only_costs, bool at_open) {
        const double payment = fraction * funding_payment(running.trade.side, rate, bars_.open[j]);
        if (payment == 0.0 || (only_costs && payment > 0.0)) return;
        running.trade.funding += payment;
        record(running, j, {fraction, bars_.open[j], payment, EventKind::funding, ExitReason::open, at_open});
    }

    const Tape& tape_;
    const Terms& terms_;
    const FundingRates& funding_;
    const BarColumns& bars_;
    Replayed out_;
};

}  // namespace ratchet
