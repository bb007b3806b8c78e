// The two nets with their parameters: what an export says.
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "../decision.hpp"
#include "columns.hpp"

namespace ratchet {

void bind_model(nb::module_& m) {
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
}

}  // namespace ratchet
