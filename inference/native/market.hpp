// Bars and named series as they come in: what is refused, and what is known when.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "clones.hpp"
#include "errors.hpp"

namespace ratchet {

struct Bar {
    double open, high, low, close, volume;
};

/// Columns of n bars. `ts` is the bar's open in microseconds since 1970, UTC.
struct BarColumns {
    const std::int64_t* ts;
    const double *open, *high, *low, *close, *volume;

    const double* column(int index) const {
        constexpr const double* BarColumns::* ALL[] = {&BarColumns::open, &BarColumns::high, &BarColumns::low,
                                                       &BarColumns::close, &BarColumns::volume};
        return this->*ALL[index];
    }
    BarColumns from(std::size_t i) const { return {ts + i, open + i, high + i, low + i, close + i, volume + i}; }
    Bar bar(std::size_t i) const { return {open[i], high[i], low[i], close[i], volume[i]}; }
};

/// How long a bar lasts where the next does not begin before: the most frequent distance of two (of equally frequent
/// ones the least), 0 for a single bar.
inline std::int64_t usual_interval(const std::int64_t* ts, std::int64_t n) {
    std::map<std::int64_t, std::int64_t> counts;
    for (std::int64_t j = 1; j < n; ++j) ++counts[ts[j] - ts[j - 1]];
    std::int64_t usual = 0, most = 0;
    for (const auto& [interval, times] : counts)
        if (times > most) usual = interval, most = times;
    return usual;
}

inline constexpr int TIME_COLUMN = 5;  // not stored: each bar's close in microseconds since 1970

inline int column_of(const std::string& name) {
    const char* names[] = {"open", "high", "low", "close", "volume", "time"};
    for (int i = 0; i <= TIME_COLUMN; ++i)
        if (name == names[i]) return i;
    throw std::invalid_argument(message("input", "must be open, high, low, close, volume or time", "'" + name + "'",
                                        "declare other inputs with as_of(name, max_age)"));
}

inline constexpr double MAX_NUMBER = 1e15;  // beyond this, squares and sums of real prices would lose all digits

/// Throws unless a bar comes after the one at `last_ts` (INT64_MIN: none).
inline void check_order(std::int64_t ts, std::int64_t last_ts) {
    if (ts <= last_ts)
        throw BarError(message("bar.ts", "must be later than the bar before it (" + std::to_string(last_ts) + ")",
                               std::to_string(ts), "feed each bar once, in order"));
}

/// Whether a market can print this bar.
inline bool is_possible(const Bar& b) {  // high and low bound the others, and NaN fails every comparison
    return (b.low > 0.0) & (b.high <= MAX_NUMBER) & (b.low <= b.open) & (b.low <= b.close) & (b.high >= b.open) &
           (b.high >= b.close) & (b.volume >= 0.0) & (b.volume <= MAX_NUMBER);
}

/// Throws, saying what is wrong with a bar that may not come after the one at `last_ts`.
[[gnu::noinline]] inline void refuse_bar(std::int64_t ts, const Bar& bar, std::int64_t last_ts) {
    auto fail = [](const char* name, const char* rule, double was, const char* remedy) {
        throw BarError(message(std::string("bar.") + name, rule, text(was), remedy));
    };
    check_order(ts, last_ts);
    const double prices[] = {bar.open, bar.high, bar.low, bar.close};
    const char* names[] = {"open", "high", "low", "close"};
    for (int i = 0; i < 4; ++i)
        if (!(prices[i] > 0.0 && prices[i] <= MAX_NUMBER))
            fail(names[i], "must be a finite price above 0 and at most 1e15", prices[i], "drop or mend the bar");
    if (!(bar.volume >= 0.0 && bar.volume <= MAX_NUMBER))
        fail("volume", "must be finite, at least 0 and at most 1e15", bar.volume, "use 0 where nothing traded");
    if (bar.high < bar.low) fail("high", "must not be below low", bar.high, "drop or mend the bar");
    if (bar.high < std::max(bar.open, bar.close))
        fail("high", "must not be below open or close", bar.high, "drop or mend the bar");
    if (bar.low > std::min(bar.open, bar.close))
        fail("low", "must not be above open or close", bar.low, "drop or mend the bar");
}

/// Throws unless the bar is one that a market can print, after the bar at `last_ts` (INT64_MIN: none).
inline void check_bar(std::int64_t ts, const Bar& bar, std::int64_t last_ts) {
    if (!(ts > last_ts && is_possible(bar))) refuse_bar(ts, bar, last_ts);
}

/// Whether all n bars pass `check_bar`: the same rules without branches, so that history is checked at memory speed.
RATCHET_CLONES inline bool bars_are_good(const BarColumns& b, std::size_t n) {
    std::int64_t bad = 0;  // as wide as what is compared, so that several bars go at a time
    for (std::size_t i = 1; i < n; ++i) bad |= b.ts[i] > b.ts[i - 1] ? 0 : 1;
    for (std::size_t i = 0; i < n; ++i) bad |= is_possible(b.bar(i)) ? 0 : 1;
    return bad == 0;
}

/// Checks n bars; the message names the row.
inline void check_bars(const BarColumns& bars, std::size_t n) {
    if (bars_are_good(bars, n)) return;
    for (std::size_t i = 0; i < n; ++i) {
        try {
            check_bar(bars.ts[i], bars.bar(i), i ? bars.ts[i - 1] : INT64_MIN);
        } catch (const BarError& error) {
            throw BarError("row " + std::to_string(i) + ": " + error.what());
        }
    }
}

/// Checks n trades, as bars of one price each; several may be of one moment. The message names the row.
inline void check_trades(const BarColumns& trades, std::size_t n) {
    const auto fail = [](std::size_t i, const char* name, const char* rule, const std::string& was,
                         const char* remedy) {
        throw BarError("row " + std::to_string(i) + ": " + message(std::string("trade.") + name, rule, was, remedy));
    };
    for (std::size_t i = 0; i < n; ++i) {
        const double price = trades.open[i], quantity = trades.volume[i];
        if (i && trades.ts[i] < trades.ts[i - 1])
            fail(i, "ts", "must not be before the trade before it", std::to_string(trades.ts[i]), "sort by time");
        if (!(price > 0.0 && price <= MAX_NUMBER))
            fail(i, "price", "must be a finite price above 0 and at most 1e15", text(price), "drop or mend the trade");
        if (!(quantity > 0.0 && quantity <= MAX_NUMBER))
            fail(i, "quantity", "must be finite, above 0 and at most 1e15", text(quantity), "drop the trade");
    }
}

/// The series `close@SYMBOL` holds that symbol's closes, each usable this long after its bar's close: bars of one
/// moment do not see each other's closes, so the order in which they arrive cannot matter. Mirrored in
/// inference/closes.py.
inline const std::string CLOSE_OF = "close@";
inline constexpr std::int64_t CLOSE_DELAY_US = 1;

/// A named series joined as of each bar's close: the last value not later than it and not older than max_age, or, with
/// a negative max_age, the age of that value in its place.
class AsOf {
  public:
    /// Throws unless the n values may follow those that are there.
    void check(const std::string& name, const std::int64_t* ts, const double* values, std::size_t n) const {
        std::int64_t last = times_.empty() ? INT64_MIN : times_.back();
        for (std::size_t i = 0; i < n; ++i) {
            if (!std::isfinite(values[i]))
                throw BarError(message("series." + name, "must be finite", text(values[i]),
                                       "send nothing where nothing is known"));
            if (ts[i] < last)
                throw BarError(message("series." + name + ".ts",
                                       "must not be before the value before it (" + std::to_string(last) + ")",
                                       std::to_string(ts[i]), "send values in order of publication"));
            last = ts[i];
        }
    }
    /// Takes n checked values.
    void push(const std::int64_t* ts, const double* values, std::size_t n) {
        if (head_ > 64 && 2 * head_ > times_.size()) {  // forget what no bar can ask for any more
            times_.erase(times_.begin(), times_.begin() + static_cast<std::ptrdiff_t>(head_ - 1));
            values_.erase(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(head_ - 1));
            head_ = 1;
        }
        times_.insert(times_.end(), ts, ts + n);
        values_.insert(values_.end(), values, values + n);
    }
    void read(const std::int64_t* bar_ts, std::size_t n, std::int64_t interval, double max_age_us, double* out) {
        std::size_t head = head_;
        // another node may have read this block of the same series already
        while (n && head > 0 && times_[head - 1] > bar_ts[0] + interval) --head;
        for (std::size_t i = 0; i < n; ++i) {
            const std::int64_t close = bar_ts[i] + interval;
            while (head < times_.size() && times_[head] <= close) ++head;
            const double age = head > 0 ? static_cast<double>(close - times_[head - 1]) : 0.0;
            const bool known = head > 0 && age <= std::abs(max_age_us);
            const double value = !known ? 0.0 : max_age_us < 0.0 ? age : values_[head - 1];
            out[i] = known ? value : std::numeric_limits<double>::quiet_NaN();
        }
        head_ = std::max(head_, head);
    }
    template <class A>
    void state(A& archive) {
        archive(times_), archive(values_), archive(head_);
    }

  private:
    std::vector<std::int64_t> times_;
    std::vector<double> values_;
    std::uint64_t head_ = 0;  // values before it lie at or before the last bar's close
};

}  // namespace ratchet
