// One decision: what the nets see of the last bar, both forward passes, both pipelines. Shared by live ticks and the
// replay.
#pragma once
#include "graph.hpp"
#include "net.hpp"
#include "steps/pipelines.hpp"

namespace ratchet {

/// Everything that the two exports say, shared by all symbols.
struct Model {
    GraphSpec graph;
    std::vector<int> feature_outputs;  // graph outputs that the nets take, in order
    int sigma_output = -1, atr_output = -1;
    std::vector<LevelOutputs> levels;  // prices that the graph computes for the steps
    Net stop_net, exit_net;
    std::vector<double> stop_grid, target_grid, low, high;  // low/high: range of each feature in training
    StopParameters stop;
    TargetParameters target;
    RiskParameters risk;
    double tick;
    std::int64_t horizon_bars, expires_us;  // 0: never
    // Steps left out, to see what they do; -1: none. Without its first step a pipeline starts from the deterministic
    // rule.
    int skipped_stop_step = -1, skipped_target_step = -1;
};

/// What the nets need of one symbol's last bar.
struct View {
    std::vector<double> outputs;  // of the graph
    Prepared stop, exit;
    double sigma = NaN, atr = NaN;
    KnownLevels levels;
    Reason status = Reason::warm_up;
};

/// Folds graph outputs into a view; says whether the nets may speak.
inline void look(const Model& model, std::int64_t ts, View& view, std::vector<double>& features) {
    view.sigma = view.outputs[static_cast<std::size_t>(model.sigma_output)];
    view.atr = view.outputs[static_cast<std::size_t>(model.atr_output)];
    view.levels.gather(model.levels, view.outputs);
    view.status = Reason::model;
    for (std::size_t f = 0; f < features.size(); ++f) {
        const double x = features[f] = view.outputs[static_cast<std::size_t>(model.feature_outputs[f])];
        if (!std::isfinite(x))
            view.status = Reason::warm_up;
        else if ((x < model.low[f] || x > model.high[f]) && view.status == Reason::model)
            view.status = Reason::out_of_range;
    }
    if (!(view.sigma > 0.0)) view.status = Reason::warm_up;
    if (view.status == Reason::model && model.expires_us && ts > model.expires_us) view.status = Reason::expired;
    if (view.status != Reason::model) return;
    model.stop_net.prepare(features.data(), view.stop);
    model.exit_net.prepare(features.data(), view.exit);
}

/// Both nets on one position, and the pipelines on what they say.
class Decision {
  public:
    Decision(const Model& model, const View& view, const Position& position, double price, double equity, double tick,
             bool opening)
        : context_{model.stop,
                   model.target,
                   model.risk,
                   model.stop_grid,
                   model.target_grid,
                   position,
                   opening,
                   price,
                   view.sigma * std::sqrt(static_cast<double>(model.horizon_bars)) * price,
                   view.atr,
                   equity,
                   tick,
                   nullptr,
                   nullptr,
                   nullptr,
                   view.levels},
          skipped_stop_step_(model.skipped_stop_step),
          skipped_target_step_(model.skipped_target_step) {
        if (view.status != Reason::model) return;
        const double unit = context_.unit;
        const float state[STATE_INPUTS] = {
            static_cast<float>(position.side),
            static_cast<float>(static_cast<double>(position.bars) / static_cast<double>(model.horizon_bars)),
            static_cast<float>(position.gain(price) / unit),
            static_cast<float>(std::max(0.0, position.gain(position.best)) / unit),
            static_cast<float>(std::max(0.0, -position.gain(position.worst)) / unit)};
        model.stop_net.forward(view.stop, state, stop_curves_);
        model.exit_net.forward(view.exit, state, exit_curves_);
        if (skipped_stop_step_ != 0) {
            context_.hit = stop_curves_;
            context_.reversal = stop_curves_ + model.stop_net.grid();
        }
        if (skipped_target_step_ != 0) context_.reach = exit_curves_;
    }
    Decision(const Decision&) = delete;

    Trace stop() const { return walk(STOP_STEPS, context_, context_.position.stop, skipped_stop_step_); }
    double final_stop_of(double level) const { return final_stop(context_, level); }
    Trace target() const { return walk(TARGET_STEPS, context_, context_.position.target, skipped_target_step_); }

  private:
    Context context_;
    int skipped_stop_step_, skipped_target_step_;
    float stop_curves_[2 * MAX_GRID], exit_curves_[2 * MAX_GRID];
};

/// Sets both levels of a new position (id, side, entry and quantity given), or throws RiskError. A level that the
/// caller brings (not NaN) replaces the model's and is held to the same envelope; `emit(kind, trace)` is called for the
/// model's.
template <class Emit>
void set_first_levels(const Model& model, const View& view, Position& position, double equity, double tick,
                      double own_stop, double own_target, Emit emit) {
    const double price = position.entry;
    Decision decision(model, view, position, price, equity, tick, true);
    auto refuse = [price](const char* name, const char* rule, double was, const char* remedy) {
        throw RiskError(message(name, std::string(rule) + " " + text(price), text(was), remedy));
    };
    if (position.side * (price - own_stop) <= 0.0)
        refuse("stop", "must be on the losing side of the price", own_stop,
               "a long's stop lies below, a short's above");
    if (position.side * (own_target - price) <= 0.0)
        refuse("target", "must be on the winning side of the price", own_target,
               "a long's target lies above, a short's below");
    if (std::isnan(own_stop)) {
        const Trace trace = decision.stop();
        position.stop = trace.level;
        emit(ActionKind::move_stop, trace);
    } else {
        position.stop = decision.final_stop_of(own_stop);
    }
    position.initial_distance = position.side * (price - position.stop);
    if (!(position.initial_distance > 0.0) || !(position.stop > 0.0))
        refuse("stop", "must be above 0 and on the losing side of the price", position.stop,
               "choose a finer policy.risk.tick");
    if (std::isnan(own_target)) {
        const Trace trace = decision.target();
        position.target = trace.level;
        emit(ActionKind::move_target, trace);
    } else {
        position.target = own_target;
    }
    position.reason = view.status;
    const double per_unit = position.initial_distance + model.stop.cost * price, loss = per_unit * position.quantity;
    const double allowed = model.risk.max_trade_loss * equity;
    if (loss > allowed * (1.0 + 1e-9))
        throw RiskError(message("quantity", "must risk at most " + text(allowed) + " at the nearest admissible stop",
                                text(loss), "open at most " + text(allowed / per_unit)));
}

/// Moves the levels of an open position by one decision; `emit(kind, trace)` is called for each level that moved.
template <class Emit>
void move_levels(const Model& model, const View& view, Position& position, double price, double equity, double tick,
                 Emit emit) {
    Decision decision(model, view, position, price, equity, tick, false);
    const double step = std::max(tick, model.risk.min_distance * price);  // smaller moves are not worth an order
    const Trace stop = decision.stop();
    if (position.side * (price - stop.level) <= 0.0) {
        emit(ActionKind::refuse, stop);
    } else if (std::abs(stop.level - position.stop) >= step) {
        position.stop = stop.level;
        emit(ActionKind::move_stop, stop);
    }
    const Trace target = decision.target();
    if (std::abs(target.level - position.target) >= step) {
        position.target = target.level;
        emit(ActionKind::move_target, target);
    }
}

}  // namespace ratchet
