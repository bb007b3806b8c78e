// What the bars do to one trade under the venue's terms: from its entry, bar by bar, to its exit.
#pragma once
#include <cmath>
#include <cstdint>

#include "replay/ledger.hpp"

namespace ratchet {

class Execution {
  public:
    explicit Execution(const Tape& tape) : tape_(tape), ladder_(tape.terms.ladder), ledger_(tape) {}

    Ledger& ledger() { return ledger_; }

    /// Fills the entry (row `row`) at the open of bar j; the policy sets its levels.
    template <class Policy>
    Running enter(const Entry& entry, std::int64_t row, std::int64_t j, Policy& policy) {
        Running running{};
        Position& position = running.position;
        position.id = static_cast<std::uint64_t>(row);
        position.side = static_cast<std::int8_t>(entry.side);
        position.entry = position.best = position.worst = tape_.bars.open[j];
        policy.open(position, j);
        running.remaining = 1.0;
        running.last_bar = entry.index + tape_.horizon;
        running.liquidation = tape_.terms.margin.liquidation_price(position.entry, entry.side);
        running.unprotected = tape_.refuses(j);
        running.trade.target_r = position.gain(position.target) / position.initial_distance;
        if (!ladder_.empty()) running.trade.target_r *= ladder_.back().target;
        ledger_.open(running, row, j);
        return running;
    }

    /// One bar of one trade; true once it is closed.
    bool advance(Running& running, std::int64_t j) {
        Position& position = running.position;
        const Bar bar = tape_.bar(j);
        const double held = running.remaining;
        ledger_.funding_at_open(running, j);
        // volume is read only where something is due: a column less of memory to walk
        const bool quiet =
            !running.unprotected && j < running.last_bar && check(running, bar).reason == ExitReason::open;
        if (!quiet && tape_.can_fill(bar)) {
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
        running.crossed = running.crossed && !quiet && !tape_.can_fill(bar);
        ledger_.funding_inside(running, j, held, running.remaining);
        position.see(bar.high, bar.low);
        ++position.bars;
        return false;
    }
    /// Lets the policy see the close of bar j; its levels hold from bar j + 1, unless the venue refuses the new orders:
    /// then it keeps those that it has.
    template <class Policy>
    void decide(Running& running, std::int64_t j, Policy& policy) {
        if (tape_.refuses(j + 1)) return;
        const double stop = running.position.stop;
        policy.update(running.position, j);
        if (running.position.stop > stop || running.position.stop < stop) {
            ledger_.stop_moved(running, j);
            running.crossed = running.position.side * (tape_.bars.close[j] - running.position.stop) <= 0.0;
        }
    }
    /// Passes over the bars from j on in which nothing can happen to a trade whose levels stay; returns the next one.
    std::int64_t pass(Running& running, std::int64_t j) const {
        const bool plain = tape_.funding.stamps.empty() && !running.unprotected;
        if (!plain) return j;
        const std::int64_t last = std::min(running.last_bar, tape_.n - 1);
        const double stop = stop_of(running), target = target_of(running);
        const std::int64_t next = running.position.side > 0 ? pass<1>(running.position, j, last, stop, target)
                                                            : pass<-1>(running.position, j, last, stop, target);
        running.position.bars += static_cast<std::int32_t>(next - j);
        return next;
    }
    /// Books a trade that is open at the end of the data.
    void keep(Running& running) {
        const double close = tape_.bars.close[tape_.n - 1];
        ledger_.close(running, tape_.n - 1, {ExitReason::open, close, close, false, true}, false, close);
    }

  private:
    template <int SIDE>
    std::int64_t pass(Position& position, std::int64_t j, std::int64_t last, double stop, double target) const {
        constexpr std::int64_t BLOCK = RangeExtreme<std::less<>>::BLOCK;
        const double *high = tape_.bars.high, *low = tape_.bars.low;
        double top = SIDE > 0 ? position.best : position.worst, bottom = SIDE > 0 ? position.worst : position.best;
        const auto touches = [stop, target](double h, double l) {
            return SIDE > 0 ? (l <= stop) | (h > target) : (h >= stop) | (l < target);
        };
        while (j < last) {
            if (j % BLOCK == 0 && j + BLOCK <= last) {
                const double h = tape_.extremes.high.block(j / BLOCK), l = tape_.extremes.low.block(j / BLOCK);
                if (!touches(h, l)) {
                    top = std::max(top, h), bottom = std::min(bottom, l);
                    j += BLOCK;
                    continue;
                }
            }
            const std::int64_t end = std::min(last, (j / BLOCK + 1) * BLOCK);
            for (; j < end && !touches(high[j], low[j]); ++j) {
                top = std::max(top, high[j]), bottom = std::min(bottom, low[j]);
            }
            if (j < end) break;
        }
        position.best = SIDE > 0 ? top : bottom;
        position.worst = SIDE > 0 ? bottom : top;
        return j;
    }

    /// Exits at the open that no level asks for: the bracket was refused twice, or the horizon ended where nothing
    /// traded.
    Fill at_open(Running& running, std::int64_t j, const Bar& bar) const {
        if (running.unprotected && j > running.trade.entry_index) {
            if (tape_.refuses(j)) return {ExitReason::emergency, bar.open, bar.open, true, false};
            running.unprotected = false;
        }
        if (j > running.last_bar) return {ExitReason::time, bar.open, bar.open, true, false};
        return {};
    }

    /// check_exit with the levels that the venue holds: none while it refuses them; its liquidation before a stop.
    Fill check(const Running& running, const Bar& bar) const {
        const Position& position = running.position;
        const double stop = stop_of(running), target = target_of(running);
        return named(running, check_exit(bar, position.side, stop, target, tape_.terms.mode));
    }
    /// The next target in force: the position's, or the ladder's next rung on the way there.
    double target_of(const Running& running) const {
        const Position& position = running.position;
        if (running.unprotected || (!ladder_.empty() && running.rung == ladder_.size())) return NaN;
        const double level = ladder_.empty() ? position.target : rung_of(running);
        // what touches a level trades through the number before it
        return tape_.terms.touch ? std::nextafter(level, position.entry) : level;
    }
    double rung_of(const Running& running) const {
        const Position& position = running.position;
        const double way = ladder_[running.rung].target * position.gain(position.target);
        return position.entry + position.side * on_ticks(way, tape_.terms.tick);
    }
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
        mark(running, is_ambiguous(bar, running.position.side, stop_of(running), target_of(running)), false);
        // a stop that the bar's open has passed leaves there, also where the lower timeframe begins later
        const bool jumped = fill.gap && fill.reason != ExitReason::target;
        const Tape::Inside inside = jumped ? Tape::Inside{} : tape_.inside(j);
        for (std::int64_t d = inside.first; d < inside.last; ++d) {
            const Bar part = tape_.part(d, bar);
            if (!tape_.can_fill(part)) continue;
            Fill inner = check(running, part);
            if (tape_.terms.prints && d > inside.first && inner.reason == ExitReason::target)
                inner.price = inner.intended, inner.gap = false;  // between two trades no limit is jumped
            if (inner.reason != ExitReason::open &&
                take(running, j, part, bar, inner, held, {d + 1, inside.last}, inner.gap && d == inside.first))
                return true;
            running.position.see(part.high, part.low);
            running.crossed = false;
        }
        if (running.remaining < held) return false;
        // the bar's own rule, also where the lower timeframe has a hole
        return take(running, j, bar, bar, fill, held, {}, fill.gap);
    }

    /// Books the fill and what it lets follow inside the same part of the bar; true once nothing remains. rest: bars of
    /// the lower timeframe still to come in bar j; opening: whether the fill is at its open.
    bool take(Running& running, std::int64_t j, const Bar& part, const Bar& bar, Fill fill, double held,
              Tape::Inside rest, bool opening) {
        Position& position = running.position;
        const int side = position.side;
        mark(running, false, !fill.gap && is_ambiguous(part, side, stop_of(running), target_of(running)));
        while (fill.reason != ExitReason::open) {
            position.see(std::max(part.open, fill.price), std::min(part.open, fill.price));
            const bool rung = fill.reason == ExitReason::target && running.rung < ladder_.size();
            if (!rung || running.remaining - ladder_[running.rung].fraction < 1e-9) {
                if (!opening) ledger_.funding_inside(running, j, held, 0.0);
                double later = fill.last ? part.close : favourable(part, side);
                for (std::int64_t d = rest.first; d < rest.last; ++d) {
                    const double price = favourable(tape_.part(d, bar), side);
                    if (side * (price - later) > 0.0) later = price;
                }
                ledger_.close(running, j, fill, opening, later);
                return true;
            }
            ledger_.exit(running, j, fill, opening, ladder_[running.rung].fraction);
            climb(running, j);
            const double stop = stop_of(running), target = target_of(running);
            if (side * (fill.price - stop) <= 0.0) {  // crossed as it comes up: the rest leaves where the part did
                fill = {ExitReason::stop, fill.price, fill.price, false, false};
                continue;
            }
            mark(running, touches_stop(bar, side, stop), touches_stop(part, side, stop));
            fill = named(running, fill.gap ? check_exit(part, side, stop, target, tape_.terms.mode)
                                           : check_rest(part, side, stop, target, tape_.terms.mode));
            opening = opening && fill.gap;
        }
        return false;
    }

    /// Whether the order inside matters to an exit: of its bar, and of what decided instead, the lower timeframe's bar.
    void mark(Running& running, bool bar, bool part) const {
        std::uint8_t& marked = running.trade.touched_both;
        if (bar) marked = std::max<std::uint8_t>(marked, 1);
        if (part && tape_.terms.mode == FillMode::detail) marked = 2;
    }

    /// The next rung of the ladder, and the stop that comes with the one just filled.
    void climb(Running& running, std::int64_t j) {
        Position& position = running.position;
        const double way = ladder_[running.rung++].stop_r * position.initial_distance, tick = tape_.terms.tick;
        const double stop = position.entry + position.side * (tick > 0.0 ? std::nearbyint(way / tick) * tick : way);
        if (position.side * (stop - position.stop) > 0.0) {
            position.stop = stop;
            ledger_.stop_moved(running, j);
        }
    }

    const Tape& tape_;
    const std::vector<Rung>& ladder_;
    Ledger ledger_;
};

}  // namespace ratchet
