// What a replay is asked and what it answers: entries, terms of the venue, trades and their events.
#pragma once
#include <cstdint>
#include <vector>

#include "position.hpp"
#include "replay/fills.hpp"

namespace ratchet {

/// One trade; layout mirrored in inference/ledger.py. Prices per unit of quantity; p0 = entry price after costs;
/// exit_price and intended_price: means over its exits, by their fractions.
/// touched_both: 1 where the bar of an exit holds stop and target, so that their order inside matters; in the mode
/// detail 2 where the bar of the lower timeframe that decided does too, or there was none.
struct Trade {
    std::int64_t entry, entry_index, exit_index, entry_ts, exit_ts;
    double entry_price, fill_price, exit_price, intended_price, stop_distance, pnl, r;
    double mae, mfe, horizon_mae, horizon_mfe, horizon_pnl, beyond, target_r, stop_at_exit, funding;
    std::int8_t side;
    std::uint8_t reason, premature, gap, reached_2r, fallback, touched_both, legs;
};
static_assert(sizeof(Trade) == 21 * 8 + 8);

/// What happened to a trade, in order of time; layout mirrored in inference/ledger.py. Of an exit, else NaN: intended,
/// the price that it was meant to have; level, that at which the bar filled it, before all costs; fill, before fees
/// alone.
enum class EventKind : std::uint8_t { entry = 0, stop_moved = 1, funding = 2, exit = 3 };
struct Event {
    std::int64_t entry, index, ts;  // trade (row in entries), bar and its open
    double fraction, price, pnl;    // share of the first quantity; after costs, or the stop; per unit of the first
    double intended, level, fill;
    EventKind kind;
    ExitReason reason;
    std::uint8_t at_open, padding[5];
};
static_assert(sizeof(Event) == 10 * 8);

struct Entry {
    std::int64_t index;  // bar at whose close the signal stands; the fill is the next bar's open
    int side;
};

/// A partial exit: `fraction` of the first quantity at `target` times the target distance; then the stop goes to
/// `stop_r` initial risks from the fill (0: breakeven; NaN: stays), unless it is already nearer; crossed there, it is
/// met.
struct Rung {
    double target, fraction, stop_r;
};

/// Under which terms the venue fills. Null and empty: not in play.
struct Terms {
    Costs costs;
    FillMode mode;
    Impact impact;
    Margin margin;
    BarColumns detail;  // bars of a lower timeframe
    std::int64_t detail_count;
    bool prints;  // these are trades, as bars of one price
    const std::int64_t* funding_ts;
    const double* funding_rate;
    std::int64_t funding_count;
    const std::uint8_t* rejected;  // per bar: a protective order sent at its open is refused
    std::vector<Rung> ladder;
    double tick;   // of the ladder's levels, 0: none
    bool touch;    // a limit that is touched is filled: no price beyond it is needed
    bool single;   // one position at a time: a signal while one is open gives no trade
    bool reenter;  // then a signal at the close of the exit's bar gives one
    bool record;   // events too
};

/// An open trade with its levels.
struct Running {
    Position position;  // its target is that of the whole position; a ladder's rungs are shares of the way there
    Trade trade;
    std::int64_t last_bar;  // of its horizon
    double liquidation;
    double remaining;        // share of the first quantity
    std::size_t next_stamp;  // of funding
    std::uint8_t rung;
    bool unprotected;  // the venue refused the bracket
    bool crossed;      // the stop was moved to where the price had gone beyond it: it is met at the next open
};

struct Replayed {
    std::vector<Trade> trades;
    std::vector<Event> events;
};

}  // namespace ratchet
