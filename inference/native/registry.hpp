// Every kernel there is: the lists at the end of each header. What stands there is reachable from expressions and is
// found by the contract tests.
#pragma once
#include "arithmetic.hpp"
#include "calendar.hpp"
#include "cycle.hpp"
#include "extrema.hpp"
#include "fibonacci.hpp"
#include "gann.hpp"
#include "indicators.hpp"
#include "levels.hpp"
#include "missing.hpp"
#include "order_statistics.hpp"
#include "parabolic.hpp"
#include "passages.hpp"
#include "patterns.hpp"
#include "pivots.hpp"
#include "profile.hpp"
#include "regime.hpp"
#include "rolling.hpp"
#include "smoothing.hpp"
#include "sums.hpp"
#include "timeframe.hpp"
#include "volatility.hpp"
#include "zones.hpp"

namespace ratchet {

inline const std::vector<KernelInfo>& kernels() {
    static const std::vector<KernelInfo> all = [] {
        std::vector<KernelInfo> list;
        for (auto family :
             {arithmetic_kernels, rolling_kernels,   extrema_kernels,  order_kernels,      smoothing_kernels,
              indicator_kernels,  timeframe_kernels, calendar_kernels, volatility_kernels, pivot_kernels,
              levels_kernels,     zones_kernels,     pattern_kernels,  fibonacci_kernels,  gann_kernels,
              profile_kernels,    regime_kernels,    missing_kernels,  cycle_kernels,      passage_kernels,
              parabolic_kernels,  sum_kernels})
            for (auto& kernel : family()) list.push_back(std::move(kernel));
        return list;
    }();
    return all;
}

inline const KernelInfo& find_kernel(const std::string& name) {
    for (const auto& kernel : kernels())
        if (kernel.name == name) return kernel;
    throw std::invalid_argument(message("node.op", "must name a kernel of this engine", "'" + name + "'",
                                        "load the export with the engine version that wrote it"));
}

/// Throws unless every parameter of the kernel is in its range.
inline void check_parameters(const KernelInfo& kernel, const std::vector<double>& values) {
    const bool table = !kernel.parameters.empty() && kernel.parameters.back().table;
    if (table ? values.size() < kernel.parameters.size() : values.size() != kernel.parameters.size())
        throw std::invalid_argument(message(kernel.name,
                                            "takes " + std::to_string(kernel.parameters.size()) + " parameters",
                                            std::to_string(values.size()), "give each of them once"));
    for (std::size_t i = 0; i < values.size(); ++i) {
        const Parameter& p = kernel.parameters[std::min(i, kernel.parameters.size() - 1)];
        bool ok = values[i] >= p.low && values[i] <= p.high && (!p.whole || values[i] == std::floor(values[i]));
        if (!ok)
            throw std::invalid_argument(message(kernel.name + "." + p.name,
                                                std::string("must be ") + (p.whole ? "a whole number" : "a number") +
                                                    " in [" + text(p.low) + ", " + text(p.high) + "]",
                                                text(values[i]), "choose one inside the range"));
    }
}

}  // namespace ratchet
