// Replay of the engine's own decisions, on the same graph and nets as live, with a record of them, and with changes to
// them: what would have come of another stop, another target, or without a step.
#pragma once
#include "decision.hpp"
#include "replay/replay.hpp"

namespace ratchet {

/// A level that was set or moved; layout mirrored in inference/variant.py.
struct Decided {
    std::int64_t entry, index;        // trade (row in entries), and the bar from whose open the level holds
    double before, price;             // the level in force before (NaN at first), and the market's when decided
    std::uint8_t kind, reason, step,  // step: index of the last one that moved the level
        steps;                        // levels in trace
    std::uint8_t padding[4];
    std::array<double, MAX_STEPS> trace;  // the level after each step
};
static_assert(sizeof(Decided) == 40 + 8 * MAX_STEPS);

/// Changes to the engine's decisions; null and -1: none. Distances from the fill, per entry, in price units; NaN: the
/// engine's own. A first stop is held to the risk envelope, and all else (initial risk, target, when to trail) stays as
/// the engine decides it; a target stays where it stands, infinity for none.
struct Variant {
    const double *stop_distance = nullptr, *target_distance = nullptr;
    int skipped_stop_step = -1, skipped_target_step = -1;
};

/// The engine's own decisions on the view of the bar just closed.
struct EnginePolicy {
    const Model& model;
    const View& view;
    double equity, notional, tick;
    const Variant& variant;
    const double* close;        // per bar
    std::vector<Decided>* log;  // null: not kept

    void open(Position& position, std::int64_t filled) {
        position.quantity = notional / position.entry;
        const double own_target = own(variant.target_distance, position);
        set_first_levels(model, view, position, equity, tick, NaN, NaN, [&](ActionKind kind, const Trace& trace) {
            if (kind == ActionKind::move_stop || std::isnan(own_target))
                keep(position, kind, trace, NaN, position.entry, filled);
        });
        const double own_stop = own(variant.stop_distance, position);
        if (!std::isnan(own_stop)) {
            const Decision decision(model, view, position, position.entry, equity, tick, true);
            position.stop = decision.final_stop_of(position.entry - position.side * own_stop);
        }
        if (!std::isnan(own_target))
            position.target = std::isfinite(own_target) ? position.entry + position.side * own_target : NaN;
    }
    void update(Position& position, std::int64_t bar) {
        const double stop = position.stop, target = position.target;
        const bool fixed = !std::isnan(own(variant.target_distance, position));
        move_levels(model, view, position, close[bar], equity, tick, [&](ActionKind kind, const Trace& trace) {
            if (kind == ActionKind::move_target && fixed) return;
            keep(position, kind, trace, kind == ActionKind::move_target ? target : stop, close[bar], bar + 1);
        });
        if (fixed) position.target = target;
    }

  private:
    static double own(const double* distances, const Position& position) {
        return distances ? distances[position.id] : NaN;
    }
    void keep(const Position& position, ActionKind kind, const Trace& trace, double before, double price,
              std::int64_t from) const {
        if (!log) return;
        log->push_back({static_cast<std::int64_t>(position.id),
                        from,
                        before,
                        price,
                        static_cast<std::uint8_t>(kind),
                        static_cast<std::uint8_t>(view.status),
                        trace.step,
                        trace.steps,
                        {},
                        trace.levels});
    }
};

struct EngineReplayed {
    Replayed replayed;
    std::vector<Decided> decisions;
};

/// Replays the engine on a fresh graph of `symbol`; every trade has the same notional, so risk per trade is D0 / price.
inline EngineReplayed replay_model(const Model& whole, Graph& graph, const BarColumns& bars, std::int64_t n,
                                   const std::vector<Entry>& entries, double equity, double notional, double tick,
                                   const Terms& terms, const Variant& variant) {
    Model model = whole;
    model.skipped_stop_step = variant.skipped_stop_step;
    model.skipped_target_step = variant.skipped_target_step;
    const Tape tape(bars, n, model.horizon_bars, terms);
    Replay replay(tape, entries);
    View view;
    view.outputs.assign(graph.output_count(), NaN);
    std::vector<double> features(model.feature_outputs.size());
    std::vector<Decided> log;
    EnginePolicy policy{model, view, equity, notional, tick, variant, bars.close, terms.record ? &log : nullptr};
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
    std::stable_sort(log.begin(), log.end(), [](const auto& a, const auto& b) { return a.entry < b.entry; });
    return {replay.finish(), std::move(log)};
}

}  // namespace ratchet
