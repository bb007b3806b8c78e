// A feature graph: nodes in topological order, run over blocks of bars or bar by bar with the same kernels.
#pragma once
#include <array>
#include <map>

#include "market.hpp"
#include "registry.hpp"

namespace ratchet {

/// One node as plain data. `op` is a kernel, "input" (a column of the bar) or "as_of" (a named series).
struct NodeSpec {
    std::string op, name;
    std::vector<int> inputs;
    std::map<std::string, std::vector<double>> parameters;  // by symbol; "*" for all others
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

class Graph {
  public:
    static constexpr std::size_t BLOCK = 256;

    Graph(const GraphSpec& spec, const std::string& symbol)
        : interval_(spec.bar_interval_us), hash_(spec.hash), outputs_(spec.outputs) {
        for (const auto& name : spec.series_names()) series_.push_back({name, {}});
        nodes_.reserve(spec.nodes.size());
        for (const auto& node : spec.nodes) nodes_.push_back(build(node, symbol));
        buffers_.resize(nodes_.size() * BLOCK);
    }
    Graph(const Graph&) = delete;
    Graph& operator=(const Graph&) = delete;

    std::size_t output_count() const { return outputs_.size(); }

    /// Queues a value of a named series; it counts from the first bar that closes at or after `ts`.
    void push(const std::string& name, std::int64_t ts, double value) {
        for (auto& series : series_)
            if (series.name == name) return series.values.push(name, ts, value);
    }

    /// Runs n bars; output o of bar i goes to out[i * bar_stride + o * output_stride]. Bars must have been checked.
    void run(const BarColumns& bars, std::size_t n, double* out, std::size_t bar_stride, std::size_t output_stride) {
        for (std::size_t at = 0; at < n; at += BLOCK) {
            const std::size_t size = std::min(BLOCK, n - at);
            for (std::size_t i = 0; i < nodes_.size(); ++i) run_node(nodes_[i], buffer(i), bars, at, size);
            for (std::size_t o = 0; o < outputs_.size(); ++o) {
                const double* from = nodes_[static_cast<std::size_t>(outputs_[o])].values;
                double* to = out + at * bar_stride + o * output_stride;
                for (std::size_t i = 0; i < size; ++i) to[i * bar_stride] = from[i];
            }
        }
    }

    void state(Writer& archive) {
        archive(hash_);
        for (auto& series : series_) archive(series.values);
        for (auto& node : nodes_)
            if (node.kernel) node.kernel->save(archive);
    }
    /// Throws StateError, before anything changes, unless the state is of the same graph.
    void state(Reader& archive) {
        std::string hash;
        archive(hash);
        if (hash != hash_)
            throw StateError(message("state", "must be of the same feature graph (" + hash_.substr(0, 12) + ")",
                                     hash.substr(0, 12), "load it into the graph that it was saved from"));
        for (auto& series : series_) archive(series.values);
        for (auto& node : nodes_)
            if (node.kernel) node.kernel->load(archive);
    }

  private:
    static constexpr std::size_t MAX_ARITY = 3;
    struct Built {
        std::unique_ptr<Node> kernel;  // null for inputs
        std::vector<int> inputs;
        const double* values = nullptr;  // of the present block: the node's buffer, or the bars' own column
        bool clean = true;               // whether none of them is missing
        int column = -1;                 // of the bar
        int series = -1;
        double max_age_us = 0.0;
    };
    struct NamedSeries {
        std::string name;
        AsOf values;
    };

    double* buffer(std::size_t node) { return buffers_.data() + node * BLOCK; }

    Built build(const NodeSpec& spec, const std::string& symbol) {
        Built built;
        built.inputs = spec.inputs;
        for (int input : spec.inputs)
            if (input < 0 || static_cast<std::size_t>(input) >= nodes_.size())
                throw std::invalid_argument(message("node.in", "must name earlier nodes", std::to_string(input),
                                                    "write the graph with Graph.to_data"));
        auto found = spec.parameters.find(symbol);
        if (found == spec.parameters.end()) found = spec.parameters.find("*");
        const std::vector<double> parameters = found == spec.parameters.end() ? std::vector<double>{} : found->second;
        if (spec.op == "input") {
            built.column = column_of(spec.name);
        } else if (spec.op == "as_of") {
            for (std::size_t s = 0; s < series_.size(); ++s)
                if (series_[s].name == spec.name) built.series = static_cast<int>(s);
            built.max_age_us = parameters.at(0);
        } else {
            const KernelInfo& kernel = find_kernel(spec.op);
            if (static_cast<std::size_t>(kernel.arity) != spec.inputs.size())
                throw std::invalid_argument(message(spec.op, "takes " + std::to_string(kernel.arity) + " inputs",
                                                    std::to_string(spec.inputs.size()), "pass each of them"));
            check_parameters(kernel, parameters);
            built.kernel = kernel.make(parameters);
        }
        return built;
    }

    void run_node(Built& node, double* out, const BarColumns& bars, std::size_t at, std::size_t size) {
        node.values = out;
        if (node.kernel) {
            std::array<const double*, MAX_ARITY> in{};
            bool clean = true;
            for (std::size_t a = 0; a < node.inputs.size(); ++a) {
                const Built& input = nodes_[static_cast<std::size_t>(node.inputs[a])];
                in[a] = input.values;
                clean = clean && input.clean;
            }
            node.clean = node.kernel->run(in.data(), out, size, clean);
        } else if (node.column == TIME_COLUMN) {
            for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<double>(bars.ts[at + i] + interval_);
        } else if (node.column >= 0) {
            node.values = bars.column(node.column) + at;  // checked bars have nothing missing
        } else {
            AsOf& series = series_[static_cast<std::size_t>(node.series)].values;
            series.read(bars.ts + at, size, interval_, node.max_age_us, out);
            node.clean = std::all_of(out, out + size, [](double x) { return std::isfinite(x); });
        }
    }

    std::int64_t interval_;
    std::string hash_;
    std::vector<int> outputs_;
    std::vector<NamedSeries> series_;
    std::vector<Built> nodes_;
    std::vector<double> buffers_;
};

}  // namespace ratchet
