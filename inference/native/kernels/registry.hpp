// Every kernel there is. What stands here is reachable from expressions and is found by the contract tests.
//
// The kernels themselves are compiled in registry_series.cpp and registry_levels.cpp alone, once for all that use them.
#pragma once
#include "errors.hpp"
#include "kernels/kernel.hpp"

namespace ratchet {

std::vector<KernelInfo> series_kernels();  // of any series: averages, windows, indicators, models of volatility
std::vector<KernelInfo> level_kernels();   // of prices at which a market may turn

/// A number held between two others: a maximum and a minimum in one.
Pointwise clamp_kernel(double low, double high);

inline const std::vector<KernelInfo>& kernels() {
    static const std::vector<KernelInfo> all = [] {
        std::vector<KernelInfo> list = series_kernels();
        for (auto& kernel : level_kernels()) list.push_back(std::move(kernel));
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
