// Numbers held between two constants: a maximum of a minimum, or the other way round, of which nothing else reads the
// inner one, is run as one kernel.
#pragma once
#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include "graph_spec.hpp"
#include "layout.hpp"

namespace ratchet {

struct Clamp {
    std::size_t inner;  // node that need not be run
    int input;          // of it
    double low, high;
};

class Clamps {
  public:
    explicit Clamps(const GraphSpec& spec) : spec_(spec) {
        for (const auto& node : spec.nodes)
            for (int input : node.inputs) ++readers_[input];
        for (int output : spec.outputs) ++readers_[output];
    }
    /// Of a node that has been checked, as have those before it; `parameters`: of each.
    std::optional<Clamp> at(std::size_t outer, const std::vector<std::vector<double>>& parameters) const {
        const NodeSpec& last = spec_.nodes[outer];
        if (!bound(last)) return std::nullopt;
        const auto inner = static_cast<std::size_t>(last.inputs[0]);
        const NodeSpec& first = spec_.nodes[inner];
        if (!bound(first) || first.op == last.op || readers_.at(last.inputs[0]) != 1) return std::nullopt;
        const double a = parameters[static_cast<std::size_t>(first.inputs[1])][0];
        const double b = parameters[static_cast<std::size_t>(last.inputs[1])][0];
        const double low = first.op == "maximum" ? a : b, high = first.op == "maximum" ? b : a;
        if (low > high) return std::nullopt;  // where the order matters
        return Clamp{inner, first.inputs[0], low, high};
    }

  private:
    bool bound(const NodeSpec& node) const {
        return (node.op == "minimum" || node.op == "maximum") && op(node.inputs[1]) == "constant" &&
               op(node.inputs[0]) != "constant";
    }
    const std::string& op(int node) const { return spec_.nodes[static_cast<std::size_t>(node)].op; }

    const GraphSpec& spec_;
    std::map<int, int> readers_;  // of each node
};

}  // namespace ratchet
