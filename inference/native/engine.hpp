// The live engine: symbols with their graphs, open positions, and the actions of each tick.
#pragma once
#include <map>
#include <memory>
#include <span>

#include "decision.hpp"

namespace ratchet {

struct Symbol {
    std::string name;
    Graph graph;
    View view;
    std::vector<Position> positions;
    std::string close_series;  // under which the graphs take this symbol's close; empty where they do not
    std::int64_t last_ts = INT64_MIN;
    double tick;

    Symbol(const Model& model, const std::string& symbol) : name(symbol), graph(model.graph, symbol), tick(model.tick) {
        const auto names = model.graph.series_names();
        if (std::find(names.begin(), names.end(), CLOSE_OF + symbol) != names.end()) close_series = CLOSE_OF + symbol;
        view.outputs.assign(graph.output_count(), NaN);
        positions.reserve(16);
    }
};

class Engine {
  public:
    Engine(std::shared_ptr<const Model> model, double equity, std::span<Action> actions)
        : model_(std::move(model)), equity_(equity), actions_(actions), features_(model_->feature_outputs.size()) {
        set_equity(equity);
    }
    Engine(const Engine&) = delete;

    void set_equity(double equity) {
        if (!(equity > 0.0) || !std::isfinite(equity))
            throw RiskError(
                message("equity", "must be a finite amount above 0", text(equity), "pass the account's equity"));
        equity_ = equity;
    }
    double equity() const { return equity_; }

    void set_tick(const std::string& symbol, double tick) {
        if (!(tick >= 0.0) || !std::isfinite(tick))
            throw RiskError(message("tick", "must be finite and at least 0", text(tick), "0 means continuous prices"));
        ensure(symbol).tick = tick;
    }

    /// Takes the nets of another export in place of the present ones; same feature graph, so all state stays.
    void replace_model(std::shared_ptr<const Model> model) {
        if (model->graph.hash != model_->graph.hash)
            throw std::invalid_argument(message(
                "exports", "must carry the feature graph of the engine (" + model_->graph.hash.substr(0, 12) + ")",
                model->graph.hash.substr(0, 12), "load a new engine and warm it up"));
        model_ = std::move(model);
        features_.resize(model_->feature_outputs.size());
        for (auto& [name, symbol] : symbols_)
            if (symbol->last_ts != INT64_MIN) look(*model_, symbol->last_ts, symbol->view, features_);
    }

    void on_bar(const std::string& name, std::int64_t ts, const Bar& bar) {
        auto found = symbols_.find(name);
        check_bar(ts, bar, found == symbols_.end() ? INT64_MIN : found->second->last_ts);
        Symbol& symbol = found == symbols_.end() ? ensure(name) : *found->second;
        symbol.last_ts = ts;
        const BarColumns columns{&ts, &bar.open, &bar.high, &bar.low, &bar.close, &bar.volume};
        symbol.graph.run(columns, 1, symbol.view.outputs.data(), 0, 1);
        look(*model_, ts, symbol.view, features_);
        for (auto& position : symbol.positions) {
            ++position.bars;
            position.see(bar.high, bar.low);
        }
        if (!symbol.close_series.empty())
            share(symbol.close_series, ts + model_->graph.bar_interval_us + CLOSE_DELAY_US, bar.close);
    }

    /// A value of a named series for one symbol, or for all that are known by now and later ("*").
    void on_input(const std::string& name, const std::string& series, std::int64_t ts, double value) {
        if (series.starts_with(CLOSE_OF))
            throw std::invalid_argument(message("series", "must not be a close, which the engine hands on by itself",
                                                "'" + series + "'", "call on_bar for that symbol"));
        const auto names = model_->graph.series_names();
        if (std::find(names.begin(), names.end(), series) == names.end()) {
            std::string known;
            for (const auto& each : names)
                if (!each.starts_with(CLOSE_OF)) known += (known.empty() ? "" : ", ") + each;
            throw std::invalid_argument(message("series", "must be an input of the feature graph", "'" + series + "'",
                                                "this graph takes: " + (known.empty() ? "none" : known)));
        }
        if (!std::isfinite(value) || name == "*") check_input(series, ts, value);
        if (name != "*") return ensure(name).graph.push(series, &ts, &value, 1);
        share(series, ts, value);
    }

    const Position& open(const std::string& name, int side, double price, double quantity, std::int64_t ts,
                         double own_stop, double own_target) {
        Symbol& symbol = at(name);
        if (side != 1 && side != -1)
            throw RiskError(
                message("side", "must be +1 (long) or -1 (short)", std::to_string(side), "pass one of them"));
        check_price("price", price);
        if (!(quantity > 0.0) || !std::isfinite(quantity))
            throw RiskError(
                message("quantity", "must be a finite amount above 0", text(quantity), "use side=-1 for a short"));
        if (symbol.positions.size() * ACTIONS_PER_POSITION >= actions_.size())
            throw RiskError(message("positions", "must fit the action buffer of the symbol",
                                    std::to_string(symbol.positions.size() + 1),
                                    "load the engine with a larger max_positions"));
        Position position;
        position.id = next_id_;
        position.side = static_cast<std::int8_t>(side);
        position.entry = position.best = position.worst = price;
        position.quantity = quantity;
        position.opened_ts = ts;
        set_first_levels(*model_, symbol.view, position, equity_, symbol.tick, own_stop, own_target,
                         [](ActionKind, const Trace&) {});
        const double allowed = model_->risk.max_open_risk * equity_, risk = open_risk() + position.open_risk();
        if (risk > allowed * (1.0 + 1e-9))
            throw RiskError(
                message("quantity", "must keep the open risk of all positions at or below " + text(allowed), text(risk),
                        "open at most " + text(std::max(0.0, allowed - open_risk()) / position.initial_distance)));
        ++next_id_;
        symbol.positions.push_back(position);
        return symbol.positions.back();
    }

    void close(std::uint64_t id) {
        for (auto& [name, symbol] : symbols_)
            for (auto it = symbol->positions.begin(); it != symbol->positions.end(); ++it)
                if (it->id == id) {
                    symbol->positions.erase(it);
                    return;
                }
        throw RiskError(message("position", "must be open", std::to_string(id), "close each position once"));
    }

    /// Decides for every open position of the symbol; returns how many actions lie in the buffer.
    std::size_t on_tick(const std::string& name, std::int64_t ts, double price) {
        Symbol& symbol = at(name);
        std::size_t count = 0;
        const bool bad = !(price > 0.0 && price <= MAX_NUMBER);
        for (auto& position : symbol.positions) {
            if (bad) {
                actions_[count++] = plain(ts, position, ActionKind::refuse, Reason::bad_price, price);
                continue;
            }
            position.see(price, price);
            if (const Reason due = exit_due(position, price); due != Reason::model) {
                actions_[count++] = plain(ts, position, ActionKind::exit, due, price);
                continue;
            }
            move_levels(*model_, symbol.view, position, price, equity_, symbol.tick,
                        [&](ActionKind kind, const Trace& trace) {
                            Reason why = kind == ActionKind::refuse ? Reason::wrong_side : symbol.view.status;
                            actions_[count++] = {ts,
                                                 position.id,
                                                 static_cast<std::uint8_t>(kind),
                                                 static_cast<std::uint8_t>(why),
                                                 trace.step,
                                                 trace.steps,
                                                 0.0f,
                                                 trace.level,
                                                 trace.levels};
                        });
        }
        return count;
    }

    double open_risk() const {
        double sum = 0.0;
        for (const auto& [name, symbol] : symbols_)
            for (const auto& position : symbol->positions) sum += position.open_risk();
        return sum;
    }
    const Symbol& at(const std::string& name) const {
        auto found = symbols_.find(name);
        if (found == symbols_.end())
            throw UnknownSymbolError(
                message("symbol", "must have had a bar", "'" + name + "'", "call on_bar for it first"));
        return *found->second;
    }
    const Model& model() const { return *model_; }
    const auto& symbols() const { return symbols_; }

    std::string save() {
        Writer archive;
        std::uint64_t count = symbols_.size();
        archive(equity_), archive(next_id_), archive(count);
        for (auto& [name, symbol] : symbols_) {
            std::string key = name;
            archive(key);
            symbol_state(archive, *symbol);
        }
        std::uint64_t kept = shared_.size();
        archive(kept);
        for (auto& [series, values] : shared_) {
            std::string key = series;
            archive(key), archive(values);
        }
        return archive.take();
    }
    /// Throws StateError and changes nothing unless the state was saved under the same feature graph.
    void restore(const std::string& bytes) {
        Reader archive(bytes);
        double equity = 0.0;
        std::uint64_t next_id = 0, count = 0, kept = 0;
        archive(equity), archive(next_id), archive(count);
        Symbols symbols;
        for (std::uint64_t i = 0; i < count; ++i) {
            std::string name;
            archive(name);
            auto symbol = std::make_unique<Symbol>(*model_, name);
            symbol_state(archive, *symbol);
            if (symbol->last_ts != INT64_MIN) look(*model_, symbol->last_ts, symbol->view, features_);
            symbols.emplace(name, std::move(symbol));
        }
        SharedSeries shared;
        archive(kept);
        for (std::uint64_t i = 0; i < kept; ++i) {
            std::string series;
            archive(series);
            archive(shared[series]);
        }
        if (!archive.at_end())
            throw StateError(message("state", "must end with its last symbol", "longer", "save it again"));
        symbols_ = std::move(symbols);
        shared_ = std::move(shared);
        equity_ = equity;
        next_id_ = next_id;
    }

  private:
    static constexpr std::size_t ACTIONS_PER_POSITION = 2;
    using Symbols = std::map<std::string, std::unique_ptr<Symbol>>;
    struct Shared {
        std::int64_t ts;
        double value;
    };
    using SharedSeries = std::map<std::string, std::vector<Shared>>;

    /// Throws unless every symbol, and those that appear later, can take the value.
    void check_input(const std::string& series, std::int64_t ts, double value) const {
        AsOf kept;
        if (auto found = shared_.find(series); found != shared_.end())
            for (const auto& each : found->second) kept.push(&each.ts, &each.value, 1);
        kept.check(series, &ts, &value, 1);
        for (const auto& [each, symbol] : symbols_) symbol->graph.check_values(series, &ts, &value, 1);
    }
    /// For every symbol. Those that appear later get the last two values: the last may be of the same moment as their
    /// first bar, which then still sees the one before.
    void share(const std::string& series, std::int64_t ts, double value) {
        for (auto& [each, symbol] : symbols_) symbol->graph.push(series, &ts, &value, 1);
        auto& kept = shared_[series];
        if (kept.size() == 2) kept.erase(kept.begin());
        kept.push_back({ts, value});
    }

    template <class A>
    void symbol_state(A& archive, Symbol& symbol) {
        archive(symbol.last_ts), archive(symbol.tick), archive(symbol.positions), archive(symbol.view.outputs);
        symbol.graph.state(archive);
    }
    Symbol& at(const std::string& name) { return const_cast<Symbol&>(std::as_const(*this).at(name)); }
    Symbol& ensure(const std::string& name) {
        auto& symbol = symbols_[name];
        if (!symbol) {
            symbol = std::make_unique<Symbol>(*model_, name);
            for (const auto& [series, values] : shared_)
                for (const auto& each : values) symbol->graph.push(series, &each.ts, &each.value, 1);
        }
        return *symbol;
    }
    static void check_price(const char* name, double price) {
        if (!(price > 0.0 && price <= MAX_NUMBER))
            throw RiskError(
                message(name, "must be a finite price above 0 and at most 1e15", text(price), "pass the fill price"));
    }
    Reason exit_due(const Position& position, double price) const {
        if (position.side * (price - position.stop) <= 0.0) return Reason::stop;
        if (position.side * (price - position.target) > 0.0) return Reason::target;
        if (position.bars >= model_->horizon_bars) return Reason::time;
        return Reason::model;
    }
    static Action plain(std::int64_t ts, const Position& position, ActionKind kind, Reason reason, double price) {
        Action action{ts, position.id, static_cast<std::uint8_t>(kind),        static_cast<std::uint8_t>(reason),
                      0,  0,           kind == ActionKind::exit ? 1.0f : 0.0f, price,
                      {}};
        action.trace.fill(NaN);
        return action;
    }

    std::shared_ptr<const Model> model_;
    double equity_;
    std::span<Action> actions_;
    std::vector<double> features_;
    Symbols symbols_;
    SharedSeries shared_;
    std::uint64_t next_id_ = 1;
};

}  // namespace ratchet
