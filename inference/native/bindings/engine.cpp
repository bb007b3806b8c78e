// The live engine.
#include "../engine.hpp"

#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "columns.hpp"

namespace ratchet {

namespace {

template <std::size_t N>
std::vector<std::string> names_of(const std::array<NamedStep, N>& steps) {
    std::vector<std::string> names;
    for (const auto& step : steps) names.push_back(step.name);
    return names;
}

}  // namespace

void bind_engine(nb::module_& m) {
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
                for (const Level& each : std::span<const Level>(self.at(symbol).view.levels))
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

    m.def("level_groups", [] { return std::vector<std::string>(LEVEL_GROUPS.begin(), LEVEL_GROUPS.end()); });
    m.def("stop_steps", [] { return names_of(STOP_STEPS); });
    m.def("target_steps", [] { return names_of(TARGET_STEPS); });
}

}  // namespace ratchet
