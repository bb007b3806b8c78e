// The two pipelines: lists of steps of one shape, in their order, and the walk that records a trace.
#pragma once
#include "final_stop.hpp"
#include "final_target.hpp"
#include "ml_stop.hpp"
#include "ml_target.hpp"
#include "r_multiple.hpp"
#include "volatility_stop.hpp"

namespace ratchet {

inline constexpr std::array STOP_STEPS = {NamedStep{"ml_stop", ml_stop}, NamedStep{"volatility", volatility_stop},
                                          NamedStep{"final", final_stop}};
inline constexpr std::array TARGET_STEPS = {NamedStep{"ml_target", ml_target}, NamedStep{"r_multiple", r_multiple},
                                            NamedStep{"final", final_target}};

struct Trace {
    std::array<double, MAX_STEPS> levels;
    std::uint8_t step = 0, steps = 0;
    double level = NaN;
};

/// skipped: the step left out, -1 for none. The first step is never left out, since it makes the level: see Decision.
template <std::size_t N>
Trace walk(const std::array<NamedStep, N>& pipeline, const Context& context, double level, int skipped) {
    static_assert(N <= MAX_STEPS);
    Trace trace;
    trace.levels.fill(NaN);
    for (std::size_t i = 0; i < N; ++i) {
        const bool skip = i > 0 && static_cast<int>(i) == skipped;
        const double after = skip ? level : pipeline[i].apply(context, level);
        if (after != level) trace.step = static_cast<std::uint8_t>(i);
        trace.levels[i] = level = after;
    }
    trace.steps = N;
    trace.level = level;
    return trace;
}

}  // namespace ratchet
