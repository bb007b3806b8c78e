// Replay of the engine's own decisions, on the same graph and nets as live.
#pragma once
#include "decision.hpp"
#include "replay.hpp"

namespace ratchet {

/// The engine's own decisions on the view of the bar just closed.
struct EnginePolicy {
    const Model& model;
    const View& view;
    double equity, notional, tick;

    void open(Position& position, std::int64_t) {
        position.quantity = notional / position.entry;
        set_first_levels(model, view, position, equity, tick);
    }
    void update(Position& position, std::int64_t, double close) {
        move_levels(model, view, position, close, equity, tick, [](ActionKind, const Trace&) {});
    }
};

/// Replays the engine on a fresh graph of `symbol`; every trade has the same notional, so risk per trade is D0 / price.
inline Replayed replay_model(const Model& model, Graph& graph, const BarColumns& bars, std::int64_t n,
                             const std::vector<Entry>& entries, double equity, double notional, double tick,
                             const Terms& terms) {
    Replay replay(bars, n, entries, model.horizon_bars, terms);
    View view;
    view.outputs.assign(graph.output_count(), NaN);
    std::vector<double> features(model.feature_outputs.size());
    EnginePolicy policy{model, view, equity, notional, tick};
    const std::size_t width = graph.output_count();
    std::vector<double> block(Graph::BLOCK * width);
    for (std::int64_t at = 0; at < n; at += static_cast<std::int64_t>(Graph::BLOCK)) {
        const std::int64_t size = std::min<std::int64_t>(Graph::BLOCK, n - at);
        const BarColumns part{bars.ts + at,  bars.open + at,  bars.high + at,
                              bars.low + at, bars.close + at, bars.volume + at};
        graph.run(part, static_cast<std::size_t>(size), block.data(), width, 1);
        for (std::int64_t i = 0; i < size; ++i) {
            replay.step(at + i, policy);
            std::copy_n(block.data() + static_cast<std::size_t>(i) * width, width, view.outputs.data());
            look(model, bars.ts[at + i], view, features);
            replay.decide(at + i, policy);
        }
    }
    return replay.finish();
}

}  // namespace ratchet
