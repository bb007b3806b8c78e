// Replay of history under the fill contract: the engine's own decisions, or levels from a table (the baselines).
// Every entry is a trade of its own; positions may overlap, so that policies are compared on identical entries.
#pragma once
#include <cstdint>
#include <vector>

#include "decision.hpp"
#include "fills.hpp"

namespace ratchet {

/// One trade; layout mirrored in inference/replay.py. Prices per unit of quantity; p0 = entry price after costs.
struct Trade {
    std::int64_t entry, entry_index, exit_index, entry_ts, exit_ts;
    double entry_price, fill_price, exit_price, intended_price, stop_distance, pnl, r;
    double mae, mfe, horizon_mae, horizon_mfe, horizon_pnl, beyond, target_r, stop_at_exit;
    std::int8_t side;
    std::uint8_t reason, premature, gap, reached_2r, fallback;
    std::uint8_t padding[2];
};
static_assert(sizeof(Trade) == 20 * 8 + 8);

struct Entry {
    std::int64_t index;  // bar at whose close the signal stands; the fill is the next bar's open
    int side;
};

/// An open trade with its levels.
struct Running {
    Position position;
    Trade trade;
    std::int64_t last_bar;  // of its horizon
};

/// Levels from per-bar arrays, in price units (NaN: none), decided at the signal bar's close. The trail follows the
/// extreme since entry at the distance of the bar just closed.
struct TablePolicy {
    const double *stop_distance, *target_distance, *trail_distance;

    void open(Position& position, std::int64_t signal) {
        position.stop = position.entry - position.side * stop_distance[signal];
        position.target = position.entry + position.side * target_distance[signal];
        position.initial_distance = stop_distance[signal];
    }
    void update(Position& position, std::int64_t bar, double) {
        const double level = position.best - position.side * trail_distance[bar];
        if (position.side * (level - position.stop) > 0.0) position.stop = level;
    }
};

/// Follows each trade from its fill to its exit, and to the end of its horizon for what came after.
class Replay {
  public:
    Replay(const BarColumns& bars, std::int64_t n, const std::vector<Entry>& entries, std::int64_t horizon,
           const Costs& costs, FillMode mode)
        : bars_(bars), n_(n), entries_(entries), horizon_(horizon), costs_(costs), mode_(mode) {
        trades_.reserve(entries.size());
    }

    /// Handles bar j: fills entries signalled at j - 1, then exits, then lets the policy move levels for bar j + 1.
    template <class Policy>
    void step(std::int64_t j, Policy& policy) {
        const Bar bar = bars_.bar(static_cast<std::size_t>(j));
        while (next_ < entries_.size() && entries_[next_].index < j) open(j, bar, policy);
        for (std::size_t i = 0; i < running_.size();) {
            if (advance(running_[i], j, bar)) {
                running_[i] = running_.back();
                running_.pop_back();
            } else {
                ++i;
            }
        }
    }
    /// Lets the policy see the close of bar j, after its features are known.
    template <class Policy>
    void decide(std::int64_t j, Policy& policy) {
        for (auto& running : running_) policy.update(running.position, j, bars_.close[j]);
    }
    std::vector<Trade> finish() {
        for (auto& running : running_) {
            Fill fill{ExitReason::open, bars_.close[n_ - 1], bars_.close[n_ - 1], false};
            settle(running, n_ - 1, bars_.bar(static_cast<std::size_t>(n_ - 1)), fill);
        }
        std::sort(trades_.begin(), trades_.end(), [](const Trade& a, const Trade& b) { return a.entry < b.entry; });
        return std::move(trades_);
    }

  private:
    template <class Policy>
    void open(std::int64_t j, const Bar& bar, Policy& policy) {
        const Entry& entry = entries_[next_];
        const std::int64_t row = static_cast<std::int64_t>(next_++);
        Running running{};
        Position& position = running.position;
        position.side = static_cast<std::int8_t>(entry.side);
        position.entry = position.best = position.worst = bar.open;
        policy.open(position, entry.index);
        Trade& trade = running.trade;
        trade.entry = row;
        trade.side = position.side;
        trade.entry_index = j;
        trade.entry_ts = bars_.ts[j];
        trade.fill_price = bar.open;
        trade.entry_price = entry_after_costs(bar.open, entry.side, costs_);
        trade.stop_distance = position.initial_distance;
        trade.target_r = position.gain(position.target) / position.initial_distance;
        trade.fallback = position.reason != Reason::model;
        running.last_bar = j + horizon_ - 1;
        running_.push_back(running);
    }

    bool advance(Running& running, std::int64_t j, const Bar& bar) {
        Position& position = running.position;
        Fill fill = check_exit(bar, position.side, position.stop, position.target, mode_);
        if (fill.reason == ExitReason::open && j == running.last_bar)
            fill = {ExitReason::time, bar.close, bar.close, false};
        if (fill.reason != ExitReason::open) {
            settle(running, j, bar, fill);
            return true;
        }
        position.see(bar.high, bar.low);
        ++position.bars;
        return false;
    }

    /// Books the exit. Of the exit bar only its open and the exit price count for MAE and MFE (all of it at the close).
    void settle(Running& running, std::int64_t j, const Bar& bar, const Fill& fill) {
        Position& position = running.position;
        Trade& trade = running.trade;
        const int side = position.side;
        if (fill.reason == ExitReason::time || fill.reason == ExitReason::open) position.see(bar.high, bar.low);
        position.see(std::max(bar.open, fill.price), std::min(bar.open, fill.price));
        if (fill.gap) position.see(bar.open, bar.open);
        trade.exit_index = j;
        trade.exit_ts = bars_.ts[j];
        trade.reason = static_cast<std::uint8_t>(fill.reason);
        trade.gap = fill.gap && fill.reason == ExitReason::stop;
        trade.exit_price = exit_after_costs(fill.price, side, fill.reason, costs_);
        trade.intended_price = fill.intended;
        trade.stop_at_exit = position.stop;
        const double p0 = trade.entry_price;
        trade.pnl = side * (trade.exit_price - p0);
        trade.r = trade.pnl / trade.stop_distance;
        trade.mfe = std::max(0.0, side * (position.best - p0));
        trade.mae = std::max(0.0, side * (p0 - position.worst));
        trade.reached_2r = fill.reason == ExitReason::target && trade.target_r >= 2.0 - 1e-9;
        aftermath(running, j, fill);
        trades_.push_back(trade);
    }

    /// What the rest of the horizon would have brought.
    void aftermath(Running& running, std::int64_t exit_bar, const Fill& fill) const {
        Trade& trade = running.trade;
        const int side = trade.side;
        const double p0 = trade.entry_price;
        const std::int64_t last = std::min(running.last_bar, n_ - 1);
        double best = -INFINITY, worst = INFINITY,
               after = 0.0;  // in favour, against, from entry; beyond the stop after it
        bool recovered = false;
        for (std::int64_t k = trade.entry_index; k <= last; ++k) {
            const Bar bar = bars_.bar(static_cast<std::size_t>(k));
            const double up = side * (favourable(bar, side) - p0), down = side * (adverse(bar, side) - p0);
            best = std::max(best, up);
            worst = std::min(worst, down);
            if (k >= exit_bar) after = std::max(after, side * (trade.stop_at_exit - adverse(bar, side)));
            if (k > exit_bar) recovered = recovered || up >= trade.stop_distance;
            if (k == exit_bar) {  // after the stop, this mode lets the bar go on to its other extreme, or to its close
                const double later = fill.gap || adverse_first(bar, side, mode_) ? favourable(bar, side) : bar.close;
                recovered = recovered || side * (later - p0) >= trade.stop_distance;
            }
        }
        trade.horizon_mfe = std::max(0.0, best);
        trade.horizon_mae = std::max(0.0, -worst);
        trade.horizon_pnl = side * (exit_after_costs(bars_.close[last], side, ExitReason::time, costs_) - p0);
        trade.beyond = fill.reason == ExitReason::stop ? after : 0.0;
        trade.premature = fill.reason == ExitReason::stop && trade.r <= 0.0 && recovered;
    }

    const BarColumns bars_;
    std::int64_t n_;
    const std::vector<Entry>& entries_;
    std::int64_t horizon_;
    Costs costs_;
    FillMode mode_;
    std::size_t next_ = 0;
    std::vector<Running> running_;
    std::vector<Trade> trades_;
};

inline std::vector<Trade> replay_table(const BarColumns& bars, std::int64_t n, const std::vector<Entry>& entries,
                                       TablePolicy policy, std::int64_t horizon, const Costs& costs, FillMode mode) {
    Replay replay(bars, n, entries, horizon, costs, mode);
    for (std::int64_t j = 0; j < n; ++j) {
        replay.step(j, policy);
        replay.decide(j, policy);
    }
    return replay.finish();
}

/// The engine's own decisions on the view of the bar just closed.
struct EnginePolicy {
    const Model& model;
    const View& view;
    double equity, notional, tick;

    void open(Position& position, std::int64_t) {
        position.quantity = notional / position.entry;
        set_first_levels(model, view, position, equity, tick);
    }
    void update(Position& position, std::int64_t, double close) {
        move_levels(model, view, position, close, equity, tick, [](ActionKind, const Trace&) {});
    }
};

/// Replays the engine on a fresh graph of `symbol`; every trade has the same notional, so risk per trade is D0 / price.
inline std::vector<Trade> replay_model(const Model& model, Graph& graph, const BarColumns& bars, std::int64_t n,
                                       const std::vector<Entry>& entries, double equity, double notional, double tick,
                                       const Costs& costs, FillMode mode) {
    Replay replay(bars, n, entries, model.horizon_bars, costs, mode);
    View view;
    view.outputs.assign(graph.output_count(), NaN);
    std::vector<double> features(model.feature_outputs.size());
    EnginePolicy policy{model, view, equity, notional, tick};
    const std::size_t width = graph.output_count();
    std::vector<double> block(Graph::BLOCK * width);
    for (std::int64_t at = 0; at < n; at += static_cast<std::int64_t>(Graph::BLOCK)) {
        const std::int64_t size = std::min<std::int64_t>(Graph::BLOCK, n - at);
        const BarColumns part{bars.ts + at,  bars.open + at,  bars.high + at,
                              bars.low + at, bars.close + at, bars.volume + at};
        graph.run(part, static_cast<std::size_t>(size), block.data(), width, 1);
        for (std::int64_t i = 0; i < size; ++i) {
            replay.step(at + i, policy);
            std::copy_n(block.data() + static_cast<std::size_t>(i) * width, width, view.outputs.data());
            look(model, bars.ts[at + i], view, features);
            replay.decide(at + i, policy);
        }
    }
    return replay.finish();
}

}  // namespace ratchet
