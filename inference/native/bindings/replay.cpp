// Replays under the terms of a venue.
#include <nanobind/stl/pair.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "columns.hpp"
#include "replay/replay_engine.hpp"
#include "replay/static_policies.hpp"

namespace ratchet {

namespace {

/// The trades and events of each policy, as bytes.
auto bytes_of_each(std::vector<Replayed>&& all) {
    std::vector<std::pair<nb::ndarray<nb::numpy, std::uint8_t>, nb::ndarray<nb::numpy, std::uint8_t>>> out;
    for (auto& each : all) out.emplace_back(bytes_of(std::move(each.trades)), bytes_of(std::move(each.events)));
    return out;
}

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
    std::vector<Entry> entries(index.shape(0));
    for (std::size_t i = 0; i < entries.size(); ++i) entries[i] = {index.data()[i], side.data()[i]};
    return entries;
}

}  // namespace

void bind_replay(nb::module_& m) {
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
}

}  // namespace ratchet
