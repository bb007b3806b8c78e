// A position under management, and what the engine says about it.
#pragma once
#include <array>
#include <cstdint>

#include "kernels/kernel.hpp"

namespace ratchet {

inline constexpr std::size_t MAX_STEPS = 8;  // levels in a trace

enum class ActionKind : std::uint8_t { move_stop = 1, move_target = 2, exit = 3, refuse = 4 };

/// Why a level stands where it stands, why an exit is due, or why a decision was refused.
enum class Reason : std::uint8_t {
    model = 0,         // the nets, inside their training range
    warm_up = 1,       // deterministic rule: features are not ready or an input is missing
    out_of_range = 2,  // deterministic rule: a feature lies outside the training range
    expired = 3,       // deterministic rule: the nets are past their expiry
    stop = 4,          // the price is at or beyond the stop
    target = 5,        // the price traded through the target
    time = 6,          // the horizon has passed
    wrong_side = 7,    // a stop came out on the wrong side of the price: refused, the one in force stays
    bad_price = 8,     // the price is not finite and above 0: refused, all levels stay
};

/// One row of the structured array that Python sees; the layout is mirrored in inference/actions.py.
struct Action {
    std::int64_t ts;
    std::uint64_t position;
    std::uint8_t kind, reason, step,
        steps;                            // step: index of the last step that moved the level; steps: levels in trace
    float fraction;                       // of the position to exit; 0 for moves
    double price;                         // the new level, or the price of the exit
    std::array<double, MAX_STEPS> trace;  // the level after each step of its pipeline
};
static_assert(sizeof(Action) == 32 + 8 * MAX_STEPS);

struct Position {
    std::uint64_t id = 0;
    std::int64_t opened_ts = 0;
    double entry = 0.0, quantity = 0.0, initial_distance = 0.0;
    double stop = NaN, target = NaN;
    double best = 0.0, worst = 0.0;  // extreme prices since entry, in its favour and against it
    std::int32_t bars = 0;           // completed since entry
    std::int8_t side = 0;
    Reason reason = Reason::model;
    std::uint8_t padding[2] = {};  // named, so that a saved state has no stray bytes

    double gain(double price) const { return side * (price - entry); }
    double open_risk() const { return std::max(0.0, side * (entry - stop)) * quantity; }
    void see(double high, double low) {
        best = side > 0 ? std::max(best, high) : std::min(best, low);
        worst = side > 0 ? std::min(worst, low) : std::max(worst, high);
    }
};

}  // namespace ratchet
