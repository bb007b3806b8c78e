// One equity for the trades of several symbols: sizes by risk, under the portfolio's limit on held positions and what
// the account can pay for.
#pragma once
#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "replay/trade.hpp"

namespace ratchet {

/// Fractions of equity. An entry that would get less than `min_share` of its size by max_trade_loss is refused.
struct Limits {
    double max_trade_loss, max_open_risk, min_share;
};

/// One symbol's replay. A bar ends where the next begins, at the latest its book's most frequent interval after its
/// open. lot: step of quantities, 0 for none. leverage: a position ties up its price / leverage; 0: the whole price.
struct Book {
    Costs costs;
    double lot, leverage;
    BarColumns bars;
    std::int64_t n;
    const Trade* trades;
    std::int64_t trade_count;
    const Event* events;
    std::int64_t event_count;
};

/// Why an entry got less than the limit per trade allows.
enum class Short : std::int64_t { none = 0, open_risk = 1, margin = 2 };
/// What became of an entry; layout mirrored in inference/portfolio.py. quantity 0: refused; wanted: by the limit per
/// trade alone; equity before it, open risk and margin with it, money.
struct Size {
    std::int64_t symbol, entry, ts;
    Short short_of;
    double quantity, wanted, equity, open_risk, margin, pnl;
};
/// The state at a time at which bars closed, before anything at the opens of that time; money.
struct EquityPoint {
    std::int64_t ts, positions;
    double equity, open_risk;
};
struct Account {
    std::vector<Size> sizes;  // in order of time
    std::vector<EquityPoint> path;
};

class Portfolio {
  public:
    Portfolio(const std::vector<Book>& books, double equity, const Limits& limits)
        : books_(books), cash_(equity), limits_(limits) {}

    Account run() {
        const std::size_t count = books_.size();
        std::vector<std::vector<Step>> steps(count);
        std::vector<std::vector<std::int64_t>> closes(count);
        std::vector<std::int64_t> times;
        for (std::size_t s = 0; s < count; ++s) {
            closes[s] = closes_of(books_[s].bars.ts, books_[s].n);
            steps[s] = in_order_of_time(books_[s], closes[s]);
            times.insert(times.end(), books_[s].bars.ts, books_[s].bars.ts + books_[s].n);
            times.insert(times.end(), closes[s].begin(), closes[s].end());
        }
        std::sort(times.begin(), times.end());
        times.erase(std::unique(times.begin(), times.end()), times.end());
        marks_.assign(count, NaN);
        std::vector<std::size_t> at(count, 0), bar(count, 0);
        for (const std::int64_t ts : times) {
            const auto book = [&](Phase phase) {
                for (std::size_t s = 0; s < count; ++s)
                    for (; at[s] < steps[s].size() && steps[s][at[s]].ts == ts && steps[s][at[s]].phase == phase;
                         ++at[s])
                        apply(s, *steps[s][at[s]].event);
            };
            book(CLOSING);
            bool closed = false;
            for (std::size_t s = 0; s < count; ++s)
                for (; bar[s] < closes[s].size() && closes[s][bar[s]] == ts; closed = true)
                    marks_[s] = books_[s].bars.close[bar[s]++];
            if (closed) out_.path.push_back({ts, static_cast<std::int64_t>(held_.size()), equity(), open_risk()});
            book(OPENING);
            book(ENTERING);
        }
        return std::move(out_);
    }

  private:
    // what happened inside a bar is known at its close alone; exits (and funding) at an open free their risk before
    // entries at the same time ask for it
    enum Phase { CLOSING = 0, OPENING = 1, ENTERING = 2 };
    struct Step {
        std::int64_t ts;
        Phase phase;
        const Event* event;
    };
    struct Held {
        std::size_t size;  // its row in sizes
        double quantity, remaining, p0, stop;
        double tied;  // per unit: margin, and what the entry cost
        int side;
    };
    using Key = std::pair<std::size_t, std::int64_t>;  // symbol, entry

    static std::vector<std::int64_t> closes_of(const std::int64_t* ts, std::int64_t n) {
        const std::int64_t usual = usual_interval(ts, n);
        std::vector<std::int64_t> closes;
        for (std::int64_t j = 0; j < n; ++j)
            closes.push_back(j + 1 < n ? std::min(ts[j + 1], ts[j] + usual) : ts[j] + usual);
        return closes;
    }

    static std::vector<Step> in_order_of_time(const Book& book, const std::vector<std::int64_t>& closes) {
        std::vector<Step> steps;
        std::int64_t entered = -1;  // bar in which the trade at hand was entered
        for (std::int64_t i = 0; i < book.event_count; ++i) {
            const Event& event = book.events[i];
            if (event.kind == EventKind::entry) entered = event.index;
            const bool entering = event.index == entered && event.at_open && event.kind != EventKind::exit;
            const bool opening = event.index > entered && event.at_open;
            const std::int64_t close = closes[static_cast<std::size_t>(event.index)];
            steps.push_back(entering  ? Step{event.ts, ENTERING, &event}
                            : opening ? Step{event.ts, OPENING, &event}
                                      : Step{close, CLOSING, &event});
        }
        std::stable_sort(steps.begin(), steps.end(),
                         [](const Step& a, const Step& b) { return a.ts != b.ts ? a.ts < b.ts : a.phase < b.phase; });
        return steps;
    }

    double loss_at(std::size_t symbol, double stop, double p0, int side) const {
        return side * (p0 - exit_after_costs(stop, side, ExitReason::stop, books_[symbol].costs));
    }
    double open_risk() const {
        double sum = 0.0;
        for (const auto& [key, h] : held_)
            sum += h.quantity * h.remaining * std::max(0.0, loss_at(key.first, h.stop, h.p0, h.side));
        return sum;
    }
    /// What positions tie up. Isolated margin: what they have gained or lost so far belongs to them until they close.
    double tied_up() const {
        double sum = 0.0;
        for (const auto& [key, h] : held_) sum += h.quantity * h.remaining * h.tied;
        return sum;
    }
    double equity() const {
        double sum = cash_;
        for (const auto& [key, h] : held_) {
            const double mark = marks_[key.first];
            if (!std::isnan(mark)) sum += h.quantity * h.remaining * h.side * (mark - h.p0);
        }
        return sum;
    }

    void apply(std::size_t symbol, const Event& event) {
        const Key key{symbol, event.entry};
        if (event.kind == EventKind::entry) {
            pending_ = event.price;
            return;
        }
        const auto found = held_.find(key);
        if (event.kind == EventKind::stop_moved && !std::isnan(pending_)) {
            enter(key, event);
            pending_ = NaN;
        } else if (found != held_.end()) {
            Held& h = found->second;
            if (event.kind == EventKind::stop_moved) {
                h.stop = event.price;
                return;
            }
            cash_ += h.quantity * event.pnl;
            out_.sizes[h.size].pnl += h.quantity * event.pnl;
            if (event.kind == EventKind::exit) h.remaining -= event.fraction;
            if (h.remaining < 1e-9) held_.erase(found);
        }
    }

    /// Its first stop follows each entry at once.
    void enter(const Key& key, const Event& first_stop) {
        const Book& book = books_[key.first];
        const Trade* trade = std::lower_bound(book.trades, book.trades + book.trade_count, key.second,
                                              [](const Trade& t, std::int64_t entry) { return t.entry < entry; });
        const double loss = loss_at(key.first, first_stop.price, pending_, trade->side);
        if (!(loss > 0.0))
            throw RiskError(message("stop", "must bound the loss of every trade", text(first_stop.price),
                                    "give each entry a stop on the losing side"));
        const double money = equity(), risk = open_risk();
        const auto whole = [&](double quantity) {
            return book.lot > 0.0 ? std::floor(quantity / book.lot + 1e-9) * book.lot : quantity;
        };
        const double wanted = whole(std::max(0.0, limits_.max_trade_loss * money / loss));
        const double room = whole((limits_.max_open_risk * money - risk) / loss);
        const double price = trade->fill_price, tied = tied_up();
        const double unit = price / (book.leverage > 0.0 ? book.leverage : 1.0) + trade->side * (pending_ - price);
        const double paid = whole((cash_ - tied) / unit);
        double quantity = std::min({wanted, room, paid});
        const Short short_of = !(quantity < wanted) ? Short::none : paid < room ? Short::margin : Short::open_risk;
        const double least = std::max(limits_.min_share, 1e-9) * wanted;  // what rounding leaves of nothing is no size
        if (!(quantity > 0.0) || quantity < least) quantity = 0.0;
        if (quantity > 0.0)
            held_[key] = {out_.sizes.size(), quantity, 1.0, pending_, first_stop.price, unit, trade->side};
        out_.sizes.push_back({static_cast<std::int64_t>(key.first), key.second, first_stop.ts, short_of, quantity,
                              wanted, money, risk + quantity * loss, tied + quantity * unit, 0.0});
    }

    const std::vector<Book>& books_;
    double cash_, pending_ = NaN;
    Limits limits_;
    std::vector<double> marks_;  // last close of each symbol
    std::map<Key, Held> held_;
    Account out_;
};

}  // namespace ratchet
