// The Python module `inference._native`: names and conversions, no logic.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "book.hpp"
#include "engine.hpp"
#include "labels.hpp"
#include "portfolio.hpp"
#include "replay_engine.hpp"
#include "static_policies.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace ratchet;

using Doubles = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Times = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Floats = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Matrix = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Results = nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Sides = nb::ndarray<const std::int8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Bytes = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Buffer = nb::ndarray<std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

namespace {

/// Hands a vector's memory to NumPy without copying.
template <class T>
auto numpy(std::vector<T>&& values, std::initializer_list<std::size_t> shape) {
    auto* kept = new std::vector<T>(std::move(values));
    nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
    return nb::ndarray<nb::numpy, T>(kept->data(), shape, owner);
}

/// The bytes of a vector of structs, for NumPy to view as a structured array.
template <class T>
nb::ndarray<nb::numpy, std::uint8_t> bytes_of(std::vector<T>&& rows) {
    auto* kept = new std::vector<T>(std::move(rows));
    nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
    return nb::ndarray<nb::numpy, std::uint8_t>(kept->data(), {kept->size() * sizeof(T)}, owner);
}

/// The trades and events of each policy, as bytes.
auto bytes_of_each(std::vector<Replayed>&& all) {
    std::vector<std::pair<nb::ndarray<nb::numpy, std::uint8_t>, nb::ndarray<nb::numpy, std::uint8_t>>> out;
    for (auto& each : all) out.emplace_back(bytes_of(std::move(each.trades)), bytes_of(std::move(each.events)));
    return out;
}

/// Checked columns of bars, kept alive by Python's references.
struct Bars {
    Times ts;
    Doubles open, high, low, close, volume;
    bool prints = false;  // trades, as bars of one price

    Bars(Times ts_, Doubles open_, Doubles high_, Doubles low_, Doubles close_, Doubles volume_)
        : ts(ts_), open(open_), high(high_), low(low_), close(close_), volume(volume_) {
        for (const Doubles* each : {&open, &high, &low, &close, &volume})
            if (each->shape(0) != size())
                throw BarError(message("bars", "must have columns of one length (" + std::to_string(size()) + ")",
                                       std::to_string(each->shape(0)), "pass columns of the same table"));
        check_bars(view(), size());
    }
    Bars(Times ts_, Doubles price, Doubles quantity)
        : ts(ts_), open(price), high(price), low(price), close(price), volume(quantity), prints(true) {
        for (const Doubles* each : {&price, &quantity})
            if (each->shape(0) != size())
                throw BarError(message("trades", "must have columns of one length (" + std::to_string(size()) + ")",
                                       std::to_string(each->shape(0)), "pass columns of the same table"));
        check_trades(view(), size());
    }
    std::size_t size() const { return ts.shape(0); }
    std::int64_t count() const { return static_cast<std::int64_t>(size()); }
    BarColumns view() const { return {ts.data(), open.data(), high.data(), low.data(), close.data(), volume.data()}; }
};

/// How many values of a series there are, one for each time.
std::size_t paired(const std::string& name, const Times& ts, const Doubles& values) {
    if (ts.shape(0) != values.shape(0))
        throw BarError(message("series." + name,
                               "must have a value for each of its " + std::to_string(ts.shape(0)) + " times",
                               std::to_string(values.shape(0)), "pass columns of the same table"));
    return ts.shape(0);
}

template <std::size_t N>
std::vector<std::string> names_of(const std::array<NamedStep, N>& steps) {
    std::vector<std::string> names;
    for (const auto& step : steps) names.push_back(step.name);
    return names;
}

std::vector<double> copy(Doubles values) { return {values.data(), values.data() + values.shape(0)}; }
std::vector<float> copy(Floats values) { return {values.data(), values.data() + values.shape(0)}; }

/// Terms of a venue, kept alive by Python's references; empty arrays: not in play.
struct VenueTerms {
    Bars detail;
    Doubles sigma, volume, funding_rate, ladder;  // ladder: target, fraction, stop_r of each rung in turn
    Times funding_ts;
    Bytes rejected;
    Costs costs;
    Margin margin;
    double coefficient, notional, tick;
    int mode;
    bool touch, single, reenter, record;

    Terms view() const {
        Terms terms{costs,
                    static_cast<FillMode>(mode),
                    {coefficient, notional, sigma.shape(0) ? sigma.data() : nullptr, volume.data()},
                    margin,
                    detail.view(),
                    detail.count(),
                    detail.prints,
                    funding_ts.data(),
                    funding_rate.data(),
                    static_cast<std::int64_t>(funding_ts.shape(0)),
                    rejected.shape(0) ? rejected.data() : nullptr,
                    {},
                    tick,
                    touch,
                    single,
                    reenter,
                    record};
        for (std::size_t i = 0; i + 2 < ladder.shape(0); i += 3)
            terms.ladder.push_back({ladder.data()[i], ladder.data()[i + 1], ladder.data()[i + 2]});
        return terms;
    }
};

std::vector<Entry> entries_of(Times index, Sides side) {
    std::vector<Entry> entries;
    for (std::size_t i = 0; i < index.shape(0); ++i) entries.push_back({index.data()[i], side.data()[i]});
    return entries;
}

}  // namespace

NB_MODULE(_native, m) {
    nb::set_leak_warnings(false);  // objects that live to the end of the process are no fault worth a page of text
    m.doc() = "ratchet's compiled engine; use it through `inference`.";
    nb::exception<BarError>(m, "BarError", PyExc_ValueError);
    nb::exception<RiskError>(m, "RiskError", PyExc_ValueError);
    nb::exception<UnknownSymbolError>(m, "UnknownSymbolError", PyExc_ValueError);
    nb::exception<StateError>(m, "StateError", PyExc_ValueError);

    nb::class_<Parameter>(m, "Parameter")
        .def_ro("name", &Parameter::name)
        .def_ro("low", &Parameter::low)
        .def_ro("high", &Parameter::high)
        .def_ro("whole", &Parameter::whole)
        .def_ro("table", &Parameter::table);
    nb::class_<KernelInfo>(m, "KernelInfo")
        .def_ro("name", &KernelInfo::name)
        .def_ro("formula", &KernelInfo::formula)
        .def_ro("arity", &KernelInfo::arity)
        .def_ro("shared", &KernelInfo::shared)
        .def_ro("parameters", &KernelInfo::parameters)
        .def_ro("examples", &KernelInfo::examples)
        .def("warm_up", [](const KernelInfo& k, const std::vector<double>& p) { return k.warm_up(p); }, "parameters"_a);
    m.def("kernels", &kernels, nb::rv_policy::reference);
    m.def(
        "check_parameters",
        [](const std::string& op, const std::vector<double>& p) { check_parameters(find_kernel(op), p); }, "op"_a,
        "parameters"_a);

    using NodeTuple =
        std::tuple<std::string, std::string, std::vector<int>, std::map<std::string, std::vector<double>>>;
    nb::class_<GraphSpec>(m, "GraphSpec")
        .def(
            "__init__",
            [](GraphSpec* self, const std::vector<NodeTuple>& nodes, std::vector<std::string> names,
               std::vector<int> outputs, std::int64_t bar_interval_us, std::string hash) {
                new (self) GraphSpec{{}, std::move(names), std::move(outputs), bar_interval_us, std::move(hash)};
                for (const auto& [op, name, inputs, parameters] : nodes)
                    self->nodes.push_back({op, name, inputs, parameters});
            },
            "nodes"_a, "output_names"_a, "outputs"_a, "bar_interval_us"_a, "hash"_a)
        .def_ro("output_names", &GraphSpec::output_names)
        .def_ro("hash", &GraphSpec::hash)
        .def("series_names", &GraphSpec::series_names)
        .def("warm_ups", &GraphSpec::warm_ups);

    nb::class_<Bars>(m, "Bars")
        .def(nb::init<Times, Doubles, Doubles, Doubles, Doubles, Doubles>(), "ts"_a, "open"_a, "high"_a, "low"_a,
             "close"_a, "volume"_a)
        .def(nb::init<Times, Doubles, Doubles>(), "ts"_a, "price"_a, "quantity"_a)
        .def("__len__", &Bars::size);
    nb::class_<Graph>(m, "Graph")
        .def(nb::init<const GraphSpec&, const std::string&>(), "spec"_a, "symbol"_a)
        .def(
            "push",
            [](Graph& self, const std::string& name, Times ts, Doubles values) {
                self.push(name, ts.data(), values.data(), paired(name, ts, values));
            },
            "name"_a, "ts"_a, "values"_a)
        .def(
            "check_values",
            [](const Graph& self, const std::string& name, Times ts, Doubles values) {
                self.check_values(name, ts.data(), values.data(), paired(name, ts, values));
            },
            "name"_a, "ts"_a, "values"_a)
        .def(
            "check_next",
            [](const Graph& self, const Bars& bars) {
                if (bars.size()) self.check_next(bars.ts.data()[0]);
            },
            "bars"_a)
        .def(
            "run",
            [](Graph& self, const Bars& bars, std::size_t from, Results out) {
                const std::size_t n = out.shape(1);
                if (out.shape(0) != self.output_count() || from + n > bars.size())
                    throw std::invalid_argument(
                        message("out",
                                "must have " + std::to_string(self.output_count()) + " rows and at most " +
                                    std::to_string(bars.size() - std::min(from, bars.size())) + " columns",
                                std::to_string(out.shape(0)) + " x " + std::to_string(n),
                                "make it as np.empty((outputs, bars))"));
                nb::gil_scoped_release release;
                self.run(bars.view().from(from), n, out.data(), 1, n);
            },
            "bars"_a, "first"_a, "out"_a)
        .def(
            "update",
            [](Graph& self, std::int64_t ts, double open, double high, double low, double close, double volume) {
                self.update(ts, {open, high, low, close, volume});
            },
            "ts"_a, "open"_a, "high"_a, "low"_a, "close"_a, "volume"_a)
        .def_prop_ro(
            "values",
            [](Graph& self) {
                const auto& latest = self.latest();
                return nb::ndarray<nb::numpy, const double, nb::ndim<1>>(latest.data(), {latest.size()}, nb::handle());
            },
            nb::rv_policy::reference_internal)
        .def("save",
             [](Graph& self) {
                 Writer archive;
                 self.state(archive);
                 const std::string bytes = archive.take();
                 return nb::bytes(bytes.data(), bytes.size());
             })
        .def(
            "load",
            [](Graph& self, nb::bytes bytes) {
                Reader archive(std::string(bytes.c_str(), bytes.size()));
                self.state(archive);
            },
            "state"_a);

    nb::class_<Dense>(m, "Dense")
        .def(
            "__init__",
            [](Dense* self, Matrix weight, Floats bias, bool relu) {
                if (weight.shape(0) != bias.shape(0))
                    throw std::invalid_argument(message("layer.bias", "must have one number per output",
                                                        std::to_string(bias.shape(0)), "export the net again"));
                new (self) Dense(weight.data(), bias.data(), weight.shape(1), weight.shape(0), relu);
            },
            "weight"_a, "bias"_a, "relu"_a);
    nb::class_<Net>(m, "Net")
        .def(
            "__init__",
            [](Net* self, Floats mean, Floats scale, float clip, std::vector<Dense> layers, std::size_t grid,
               bool nested, Floats calibration) {
                new (self) Net(copy(mean), copy(scale), clip, std::move(layers), grid, nested, copy(calibration));
            },
            "mean"_a, "scale"_a, "clip"_a, "layers"_a, "grid"_a, "nested"_a, "calibration"_a)
        .def(
            "predict",
            [](const Net& self, Matrix x) {
                if (x.shape(1) != self.inputs())
                    throw std::invalid_argument(message("x", "must have " + std::to_string(self.inputs()) + " columns",
                                                        std::to_string(x.shape(1)),
                                                        "pass features and state in the manifest's order"));
                const std::size_t n = x.shape(0), width = 2 * self.grid(), f = self.features();
                std::vector<float> out(n * width);
                std::vector<double> features(f);
                Prepared prepared;
                for (std::size_t i = 0; i < n; ++i) {
                    const float* row = x.data() + i * self.inputs();
                    features.assign(row, row + f);
                    self.prepare(features.data(), prepared);
                    self.forward(prepared, row + f, out.data() + i * width);
                }
                return numpy(std::move(out), {n, 2, self.grid()});
            },
            "x"_a);

    nb::class_<StopParameters>(m, "StopParameters")
        .def(nb::init<double, double, double, double, double, double, double, std::vector<double>, std::vector<double>,
                      double>(),
             "cost"_a, "risk_price"_a, "trail_from_r"_a, "min_atr"_a, "max_atr"_a, "fallback_atr"_a,
             "fallback_fraction"_a, "avoided"_a, "forgone"_a, "edge_weight"_a);
    nb::class_<TargetParameters>(m, "TargetParameters")
        .def(nb::init<double, double, double, double, double, std::vector<double>, double>(), "limit_cost"_a,
             "market_cost"_a, "min_r"_a, "max_r"_a, "fallback_r"_a, "unreached"_a, "edge_weight"_a);
    nb::class_<RiskParameters>(m, "RiskParameters")
        .def(nb::init<double, double, double>(), "max_trade_loss"_a, "max_open_risk"_a, "min_distance"_a);
    nb::class_<Model>(m, "Model")
        .def(
            "__init__",
            [](Model* self, const GraphSpec& graph, std::vector<int> features, int sigma, int atr,
               const std::vector<std::tuple<std::string, int, int>>& levels, const Net& stop_net, const Net& exit_net,
               std::vector<double> stop_grid, std::vector<double> target_grid, std::vector<double> low,
               std::vector<double> high, const StopParameters& stop, const TargetParameters& target,
               const RiskParameters& risk, double tick, std::int64_t horizon_bars, std::int64_t expires_us) {
                new (self) Model{graph,
                                 std::move(features),
                                 sigma,
                                 atr,
                                 {},
                                 stop_net,
                                 exit_net,
                                 std::move(stop_grid),
                                 std::move(target_grid),
                                 std::move(low),
                                 std::move(high),
                                 stop,
                                 target,
                                 risk,
                                 tick,
                                 horizon_bars,
                                 expires_us};
                for (const auto& [group, price, strength] : levels)
                    self->levels.push_back({level_group(group), price, strength});
            },
            "graph"_a, "feature_outputs"_a, "sigma_output"_a, "atr_output"_a, "levels"_a, "stop_net"_a, "exit_net"_a,
            "stop_grid"_a, "target_grid"_a, "low"_a, "high"_a, "stop"_a, "target"_a, "risk"_a, "tick"_a,
            "horizon_bars"_a, "expires_us"_a);

    nb::class_<Position>(m, "Position", "An open position and its levels in force.")
        .def_ro("id", &Position::id)
        .def_ro("side", &Position::side)
        .def_ro("entry", &Position::entry)
        .def_ro("quantity", &Position::quantity)
        .def_ro("opened_ts", &Position::opened_ts)
        .def_ro("stop", &Position::stop)
        .def_ro("target", &Position::target)
        .def_ro("initial_distance", &Position::initial_distance)
        .def_ro("bars", &Position::bars)
        .def_prop_ro("reason_code", [](const Position& p) { return static_cast<int>(p.reason); });

    nb::class_<Engine>(m, "Engine")
        .def(
            "__init__",
            [](Engine* self, std::shared_ptr<Model> model, double equity, Buffer actions) {
                new (self) Engine(std::move(model), equity,
                                  {reinterpret_cast<Action*>(actions.data()), actions.shape(0) / sizeof(Action)});
            },
            "model"_a, "equity"_a, "actions"_a, nb::keep_alive<1, 4>())
        .def("set_equity", &Engine::set_equity, "equity"_a)
        .def("equity", &Engine::equity)
        .def("set_tick", &Engine::set_tick, "symbol"_a, "tick"_a)
        .def(
            "replace_model", [](Engine& self, std::shared_ptr<Model> model) { self.replace_model(std::move(model)); },
            "model"_a)
        .def(
            "on_bar",
            [](Engine& self, const std::string& symbol, std::int64_t ts, double open, double high, double low,
               double close, double volume) { self.on_bar(symbol, ts, {open, high, low, close, volume}); },
            "symbol"_a, "ts"_a, "open"_a, "high"_a, "low"_a, "close"_a, "volume"_a)
        .def("on_input", &Engine::on_input, "symbol"_a, "series"_a, "ts"_a, "value"_a)
        .def(
            "open",
            [](Engine& self, const std::string& symbol, int side, double price, double quantity, std::int64_t ts,
               double stop,
               double target) { return Position(self.open(symbol, side, price, quantity, ts, stop, target)); },
            "symbol"_a, "side"_a, "price"_a, "quantity"_a, "ts"_a, "stop"_a, "target"_a)
        .def("close", &Engine::close, "position"_a)
        .def("on_tick", &Engine::on_tick, "symbol"_a, "ts"_a, "price"_a)
        .def("open_risk", &Engine::open_risk)
        .def(
            "positions", [](const Engine& self, const std::string& symbol) { return self.at(symbol).positions; },
            "symbol"_a)
        .def(
            "features", [](const Engine& self, const std::string& symbol) { return self.at(symbol).view.outputs; },
            "symbol"_a)
        .def(
            "levels",
            [](const Engine& self, const std::string& symbol) {
                std::vector<std::tuple<int, double, double>> rows;
                for (const Level& each : self.at(symbol).view.levels)
                    rows.emplace_back(each.index, each.price, each.strength);
                return rows;
            },
            "symbol"_a)
        .def(
            "status",
            [](const Engine& self, const std::string& symbol) { return static_cast<int>(self.at(symbol).view.status); },
            "symbol"_a)
        .def("save",
             [](Engine& self) {
                 const std::string bytes = self.save();
                 return nb::bytes(bytes.data(), bytes.size());
             })
        .def(
            "restore", [](Engine& self, nb::bytes bytes) { self.restore(std::string(bytes.c_str(), bytes.size())); },
            "state"_a);

    using Levels = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
    m.def("book_names", [] { return std::vector<std::string>(BOOK_FIGURES.begin(), BOOK_FIGURES.end()); });
    m.def(
        "book_figures",
        [](Levels bid_price, Levels bid_quantity, Levels ask_price, Levels ask_quantity, Doubles ranges_bp) {
            const std::size_t n = bid_price.shape(0), width = BOOK_FIGURES.size() + 2 * ranges_bp.shape(0);
            std::vector<double> out(n * width);
            const auto side = [n](const Levels& price, const Levels& quantity) {
                if (price.shape(0) != n || quantity.shape(0) != n || price.shape(1) != quantity.shape(1))
                    throw BarError(message("book", "must have a quantity for each price", "not so",
                                           "pass arrays of one shape per side"));
                return BookSide{price.data(), quantity.data(), price.shape(1)};
            };
            book_table(side(bid_price, bid_quantity), side(ask_price, ask_quantity), n, ranges_bp.data(),
                       ranges_bp.shape(0), out.data());
            return numpy(std::move(out), {n, width});
        },
        "bid_price"_a, "bid_quantity"_a, "ask_price"_a, "ask_quantity"_a, "ranges_bp"_a);

    m.def("level_groups", [] { return std::vector<std::string>(LEVEL_GROUPS.begin(), LEVEL_GROUPS.end()); });
    m.def("stop_steps", [] { return names_of(STOP_STEPS); });
    m.def("target_steps", [] { return names_of(TARGET_STEPS); });

    nb::class_<Costs>(m, "Costs").def(nb::init<double, double, double>(), "taker_fee"_a, "maker_fee"_a, "slippage"_a);
    nb::class_<VenueTerms>(m, "Terms")
        .def(
            "__init__",
            [](VenueTerms* self, const Costs& costs, int mode, const Bars& detail, std::tuple<double, double> impact,
               Doubles sigma, Doubles volume, std::tuple<double, double, double> margin, Times funding_ts,
               Doubles funding_rate, Bytes rejected, Doubles ladder, double tick, bool touch, bool single, bool reenter,
               bool record) {
                new (self) VenueTerms{detail,
                                      sigma,
                                      volume,
                                      funding_rate,
                                      ladder,
                                      funding_ts,
                                      rejected,
                                      costs,
                                      {std::get<0>(margin), std::get<1>(margin), std::get<2>(margin)},
                                      std::get<0>(impact),
                                      std::get<1>(impact),
                                      tick,
                                      mode,
                                      touch,
                                      single,
                                      reenter,
                                      record};
            },
            "costs"_a, "mode"_a, "detail"_a, "impact"_a, "sigma"_a, "volume"_a, "margin"_a, "funding_ts"_a,
            "funding_rate"_a, "rejected"_a, "ladder"_a, "tick"_a, "touch"_a, "single"_a, "reenter"_a, "record"_a);
    m.def(
        "make_labels",
        [](const Bars& bars, Doubles sigma, std::int64_t horizon, Doubles grid, std::uint64_t seed) {
            Labels labels = make_labels(bars.view(), bars.count(), sigma.data(), horizon, copy(grid), seed);
            const std::size_t n = labels.rows.size(), k = grid.shape(0);
            return std::tuple(bytes_of(std::move(labels.rows)), numpy(std::move(labels.hit), {n, k}),
                              numpy(std::move(labels.reversal), {n, k}), numpy(std::move(labels.reach), {n, k}));
        },
        "bars"_a, "sigma"_a, "horizon"_a, "grid"_a, "seed"_a);
    m.def(
        "replay_tables",
        [](const Bars& bars, Times index, Sides side, Doubles stop, Doubles target, Doubles trail, Doubles multiples,
           double tick, std::int64_t horizon, const VenueTerms& venue) {
            const auto entries = entries_of(index, side);
            const Terms terms = venue.view();
            std::vector<TablePolicy> policies;
            const double* times = multiples.data();
            for (std::size_t i = 0; i + 2 < multiples.shape(0); i += 3)
                policies.push_back({stop.data(), target.data(), trail.shape(0) ? trail.data() : nullptr, times[i],
                                    times[i + 1], times[i + 2], tick});
            std::vector<Replayed> out;
            {
                nb::gil_scoped_release release;
                const Tape tape(bars.view(), bars.count(), horizon, terms);
                out = replay_each(tape, entries, std::move(policies));
            }
            return bytes_of_each(std::move(out));
        },
        "bars"_a, "index"_a, "side"_a, "stop"_a, "target"_a, "trail"_a, "multiples"_a, "tick"_a, "horizon"_a,
        "terms"_a);
    m.def(
        "replay_parabolic",
        [](const Bars& bars, Times index, Sides side, Doubles stop, Doubles settings, double tick, std::int64_t horizon,
           const VenueTerms& venue) {
            const auto entries = entries_of(index, side);
            const Terms terms = venue.view();
            std::vector<ParabolicPolicy> policies;
            for (std::size_t i = 0; i + 1 < settings.shape(0); i += 2)
                policies.push_back({bars.view(), stop.data(), settings.data()[i], settings.data()[i + 1], tick});
            std::vector<Replayed> out;
            {
                nb::gil_scoped_release release;
                const Tape tape(bars.view(), bars.count(), horizon, terms);
                out = replay_each(tape, entries, std::move(policies));
            }
            return bytes_of_each(std::move(out));
        },
        "bars"_a, "index"_a, "side"_a, "stop"_a, "settings"_a, "tick"_a, "horizon"_a, "terms"_a);
    m.def(
        "replay_model",
        [](const Model& model, Graph& graph, const Bars& bars, Times index, Sides side, double equity, double notional,
           double tick, const VenueTerms& venue, Doubles stop, Doubles target, int skipped_stop, int skipped_target) {
            const auto entries = entries_of(index, side);
            const Terms terms = venue.view();
            const Variant variant{stop.shape(0) ? stop.data() : nullptr, target.shape(0) ? target.data() : nullptr,
                                  skipped_stop, skipped_target};
            EngineReplayed out;
            {
                nb::gil_scoped_release release;
                out = replay_model(model, graph, bars.view(), bars.count(), entries, equity, notional, tick, terms,
                                   variant);
            }
            return std::tuple(bytes_of(std::move(out.replayed.trades)), bytes_of(std::move(out.replayed.events)),
                              bytes_of(std::move(out.decisions)));
        },
        "model"_a, "graph"_a, "bars"_a, "index"_a, "side"_a, "equity"_a, "notional"_a, "tick"_a, "terms"_a, "stop"_a,
        "target"_a, "skipped_stop"_a, "skipped_target"_a);
    m.def(
        "replay_portfolio",
        [](const std::vector<std::tuple<Bars, Bytes, Bytes, Costs, double, double>>& columns, double equity,
           std::tuple<double, double, double> limits) {
            std::vector<Book> books;
            for (const auto& [bars, trades, events, costs, lot, leverage] : columns)
                books.push_back({costs, lot, leverage, bars.view(), bars.count(),
                                 reinterpret_cast<const Trade*>(trades.data()),
                                 static_cast<std::int64_t>(trades.shape(0) / sizeof(Trade)),
                                 reinterpret_cast<const Event*>(events.data()),
                                 static_cast<std::int64_t>(events.shape(0) / sizeof(Event))});
            Account out;
            {
                nb::gil_scoped_release release;
                out = Portfolio(books, equity, {std::get<0>(limits), std::get<1>(limits), std::get<2>(limits)}).run();
            }
            return std::tuple(bytes_of(std::move(out.sizes)), bytes_of(std::move(out.path)));
        },
        "books"_a, "equity"_a, "limits"_a);
}
