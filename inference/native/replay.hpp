// Replay of history under the fill contract: each entry is a trade of its own, so that policies are compared on
// identical entries; positions may overlap.
#pragma once
#include <cstdint>
#include <vector>

#include "ledger.hpp"

namespace ratchet {

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
           const Terms& terms)
        : bars_(bars), n_(n), entries_(entries), horizon_(horizon), terms_(terms), ledger_(bars, n, terms) {
        for (std::int64_t j = 0; j < n && !volume_known_; ++j) volume_known_ = bars.volume[j] > 0.0;
        ledger_.reserve(entries.size());
    }

    /// Handles bar j: fills entries signalled before it, then exits.
    template <class Policy>
    void step(std::int64_t j, Policy& policy) {
        const Bar bar = bars_.bar(static_cast<std::size_t>(j));
        if (terms_.mode == FillMode::detail) find_detail(j);
        while (next_ < entries_.size() && entries_[next_].index < j && can_fill(bar)) open(j, bar, policy);
        for (std::size_t i = 0; i < running_.size();) {
            if (advance(running_[i], j, bar)) {
                running_[i] = running_.back();
                running_.pop_back();
            } else {
                ++i;
            }
        }
    }
    /// Lets the policy see the close of bar j, after its features are known; its levels hold from bar j + 1.
    template <class Policy>
    void decide(std::int64_t j, Policy& policy) {
        const bool refused = terms_.rejected && j + 1 < n_ && terms_.rejected[j + 1];
        for (auto& running : running_) {
            Position& position = running.position;
            const double stop = position.stop, target = position.target;
            policy.update(position, j, bars_.close[j]);
            if (refused) position.stop = stop, position.target = target;  // the venue keeps the orders it has
            if (position.stop > stop || position.stop < stop) ledger_.stop_moved(running, j);
        }
    }
    Replayed finish() {
        for (auto& running : running_) {
            const Bar bar = bars_.bar(static_cast<std::size_t>(n_ - 1));
            running.position.see(bar.high, bar.low);
            ledger_.close(running, n_ - 1, {ExitReason::open, bar.close, bar.close, false, true}, false, bar.close);
        }
        return ledger_.finish();
    }

  private:
    /// Where no bar has volume, volume is not known, and every bar can fill.
    bool can_fill(const Bar& bar) const { return bar.volume > 0.0 || !volume_known_; }

    template <class Policy>
    void open(std::int64_t j, const Bar& bar, Policy& policy) {
        const Entry& entry = entries_[next_];
        const std::int64_t row = static_cast<std::int64_t>(next_++);
        if (entry.index + horizon_ < j) return;  // nothing traded in the whole horizon: no trade
        Running running{};
        Position& position = running.position;
        position.id = static_cast<std::uint64_t>(row);
        position.side = static_cast<std::int8_t>(entry.side);
        position.entry = position.best = position.worst = bar.open;
        policy.open(position, entry.index);
        running.remaining = 1.0;
        running.last_bar = entry.index + horizon_;
        running.liquidation = terms_.margin.liquidation_price(bar.open, entry.side);
        running.unprotected = terms_.rejected && terms_.rejected[j];
        running.trade.target_r = position.gain(position.target) / position.initial_distance;
        if (!terms_.ladder.empty()) {
            const double distance = position.target - position.entry;
            position.target = position.entry + terms_.ladder.front().target * distance;
            running.trade.target_r *= terms_.ladder.back().target;
        }
        ledger_.open(running, row, j);
        running_.push_back(running);
    }

    /// One bar of one trade; true once it is closed.
    bool advance(Running& running, std::int64_t j, const Bar& bar) {
        Position& position = running.position;
        const double held = running.remaining;
        ledger_.funding_at_open(running, j);
        // volume is read only where something is due: a column less of memory to walk
        const bool quiet =
            !running.unprotected && j < running.last_bar && check(running, bar).reason == ExitReason::open;
        if (!quiet && can_fill(bar)) {
            const Fill leave = at_open(running, j, bar);
            if (leave.reason != ExitReason::open) {
                position.see(bar.open, bar.open);
                ledger_.close(running, j, leave, true, favourable(bar, position.side));
                return true;
            }
            const Fill fill = check(running, bar);
            if (fill.reason != ExitReason::open && walk(running, j, bar, fill, held)) return true;
            if (j == running.last_bar) {
                position.see(bar.high, bar.low);
                ledger_.funding_inside(running, j, held, running.remaining);
                ledger_.close(running, j, {ExitReason::time, bar.close, bar.close, false, true}, false, bar.close);
                return true;
            }
        }
        ledger_.funding_inside(running, j, held, running.remaining);
        position.see(bar.high, bar.low);
        ++position.bars;
        return false;
    }

    /// Exits at the open that no level asks for: the bracket was refused twice, or the horizon ended where nothing
    /// traded.
    Fill at_open(Running& running, std::int64_t j, const Bar& bar) const {
        if (running.unprotected && j > running.trade.entry_index) {
            if (terms_.rejected[j]) return {ExitReason::emergency, bar.open, bar.open, true, false};
            running.unprotected = false;
        }
        if (j > running.last_bar) return {ExitReason::time, bar.open, bar.open, true, false};
        return {};
    }

    /// check_exit with the levels that the venue holds: none while it refuses them; its liquidation before a stop.
    Fill check(const Running& running, const Bar& bar) const {
        const Position& position = running.position;
        if (terms_.margin.leverage == 0.0 && !running.unprotected)
            return check_exit(bar, position.side, position.stop, position.target, terms_.mode);
        return named(running, check_exit(bar, position.side, stop_of(running), target_of(running), terms_.mode));
    }
    static double target_of(const Running& running) { return running.unprotected ? NaN : running.position.target; }
    static bool liquidates_first(const Running& running) {
        const double stop = running.unprotected ? NaN : running.position.stop;
        return running.liquidation > 0.0 && !(running.position.side * (running.liquidation - stop) <= 0.0);
    }
    static double stop_of(const Running& running) {
        if (liquidates_first(running)) return running.liquidation;
        return running.unprotected ? NaN : running.position.stop;
    }
    static Fill named(const Running& running, Fill fill) {
        if (fill.reason == ExitReason::stop && liquidates_first(running)) fill.reason = ExitReason::liquidation;
        return fill;
    }

    /// A bar in which something fills: bar by bar of the lower timeframe where the mode and the data allow.
    bool walk(Running& running, std::int64_t j, const Bar& bar, const Fill& fill, double held) {
        if (is_ambiguous(bar, running.position.side, stop_of(running), target_of(running)))
            running.trade.touched_both = 1;
        for (std::int64_t d = detail_first_; d < detail_last_; ++d) {
            const Bar part = terms_.detail.bar(static_cast<std::size_t>(d));
            if (!can_fill(part)) continue;
            const Fill inner = check(running, part);
            if (inner.reason != ExitReason::open &&
                take(running, j, part, bar, inner, held, d + 1, inner.gap && d == detail_first_))
                return true;
            running.position.see(part.high, part.low);
        }
        if (running.remaining < held) return false;
        // the bar's own rule, also where the lower timeframe has a hole
        return take(running, j, bar, bar, fill, held, detail_last_, fill.gap);
    }

    /// Books the fill and what it lets follow inside the same part of the bar; true once nothing remains.
    bool take(Running& running, std::int64_t j, const Bar& part, const Bar& bar, Fill fill, double held,
              std::int64_t next_detail, bool opening) {
        Position& position = running.position;
        const int side = position.side;
        while (fill.reason != ExitReason::open) {
            position.see(std::max(part.open, fill.price), std::min(part.open, fill.price));
            const bool rung = fill.reason == ExitReason::target && running.rung < terms_.ladder.size();
            if (!rung || running.remaining - terms_.ladder[running.rung].fraction < 1e-9) {
                if (!opening) ledger_.funding_inside(running, j, held, 0.0);
                double later = fill.last ? part.close : favourable(part, side);
                for (std::int64_t d = next_detail; d < detail_last_; ++d) {
                    const double price = favourable(terms_.detail.bar(static_cast<std::size_t>(d)), side);
                    if (side * (price - later) > 0.0) later = price;
                }
                ledger_.close(running, j, fill, opening, later);
                return true;
            }
            ledger_.exit(running, j, fill, opening, terms_.ladder[running.rung].fraction);
            climb(running, j);
            if (touches_stop(bar, side, stop_of(running))) running.trade.touched_both = 1;
            const double stop = stop_of(running);
            fill = named(running, fill.gap ? check_exit(part, side, stop, position.target, terms_.mode)
                                           : check_rest(part, side, stop, position.target, terms_.mode));
            opening = opening && fill.gap;
        }
        return false;
    }

    /// The next target of the ladder, and the stop that comes with the one just filled.
    void climb(Running& running, std::int64_t j) {
        Position& position = running.position;
        const Rung& done = terms_.ladder[running.rung++];
        const double distance = (position.target - position.entry) / done.target;
        position.target =
            running.rung < terms_.ladder.size() ? position.entry + terms_.ladder[running.rung].target * distance : NaN;
        const double stop = position.entry + position.side * done.stop_r * position.initial_distance;
        if (position.side * (stop - position.stop) > 0.0) {
            position.stop = stop;
            ledger_.stop_moved(running, j);
        }
    }

    /// The bars of the lower timeframe inside bar j: from its open to the open of the next.
    void find_detail(std::int64_t j) {
        detail_first_ = detail_last_;
        while (detail_first_ < terms_.detail_count && terms_.detail.ts[detail_first_] < bars_.ts[j]) ++detail_first_;
        detail_last_ = detail_first_;
        while (detail_last_ < terms_.detail_count && (j + 1 == n_ || terms_.detail.ts[detail_last_] < bars_.ts[j + 1]))
            ++detail_last_;
    }

    const BarColumns bars_;
    std::int64_t n_;
    const std::vector<Entry>& entries_;
    std::int64_t horizon_;
    const Terms& terms_;
    Ledger ledger_;
    bool volume_known_ = false;
    std::int64_t detail_first_ = 0, detail_last_ = 0;
    std::size_t next_ = 0;
    std::vector<Running> running_;
};

inline Replayed replay_table(const BarColumns& bars, std::int64_t n, const std::vector<Entry>& entries,
                             TablePolicy policy, std::int64_t horizon, const Terms& terms) {
    Replay replay(bars, n, entries, horizon, terms);
    for (std::int64_t j = 0; j < n; ++j) {
        replay.step(j, policy);
        replay.decide(j, policy);
    }
    return replay.finish();
}

}  // namespace ratchet
