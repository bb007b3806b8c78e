// A feature graph as plain data: nodes in topological order, and which of them are outputs.
#pragma once
#include <map>

#include "kernels/registry.hpp"

namespace ratchet {

/// One node as plain data. `op` is a kernel, "input" (a column of the bar) or "as_of" (a named series).
struct NodeSpec {
    std::string op, name;
    std::vector<int> inputs;
    std::map<std::string, std::vector<double>> parameters;  // by symbol; "*" for all others

    std::vector<double> parameters_of(const std::string& symbol) const {
        auto found = parameters.find(symbol);
        if (found == parameters.end()) found = parameters.find("*");
        return found == parameters.end() ? std::vector<double>{} : found->second;
    }
};

struct GraphSpec {
    std::vector<NodeSpec> nodes;
    std::vector<std::string> output_names;
    std::vector<int> outputs;  // node of each output
    std::int64_t bar_interval_us = 0;
    std::string hash;

    std::vector<std::string> series_names() const {
        std::vector<std::string> names;
        for (const auto& node : nodes)
            if (node.op == "as_of" && std::find(names.begin(), names.end(), node.name) == names.end())
                names.push_back(node.name);
        return names;
    }
    /// Bars before each output can be finite, on complete input: the longest chain of warm-ups. Behind `resample` a bar
    /// is one of the higher timeframe, and its last one may come a bar late: there the count is the most that it can
    /// take.
    std::vector<int> warm_ups() const {
        std::vector<double> bars(nodes.size(), 0.0), span(nodes.size(), 1.0);  // span: base bars to one update
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            double before = 0.0;
            for (int input : nodes[i].inputs) {
                before = std::max(before, bars[static_cast<std::size_t>(input)]);
                span[i] = std::max(span[i], span[static_cast<std::size_t>(input)]);
            }
            double own = 0.0;
            if (nodes[i].op == "resample") {
                span[i] = std::ceil(nodes[i].parameters.at("*")[0] / static_cast<double>(bar_interval_us));
                own = 2.0 * span[i];  // of the first span only a part may have been seen
            } else if (nodes[i].op == "latest") {
                span[i] = 1.0;
            } else if (nodes[i].op != "input" && nodes[i].op != "as_of") {
                own = span[i] * find_kernel(nodes[i].op).warm_up(nodes[i].parameters.at("*"));
            }
            bars[i] = before + own;
        }
        std::vector<int> result;
        for (int node : outputs) result.push_back(static_cast<int>(bars[static_cast<std::size_t>(node)]));
        return result;
    }
};

}  // namespace ratchet
