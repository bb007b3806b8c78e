// A feature graph: run over blocks of bars or bar by bar with the same kernels.
#pragma once
#include <array>
#include <map>
#include <tuple>

#include "clamps.hpp"
#include "graph_spec.hpp"
#include "group.hpp"
#include "layout.hpp"
#include "market.hpp"

namespace ratchet {

class Graph {
  public:
    static constexpr std::size_t BLOCK = 512;

    Graph(const GraphSpec& spec, const std::string& symbol)
        : interval_(spec.bar_interval_us), hash_(spec.hash), latest_(spec.outputs.size(), NaN) {
        for (const auto& name : spec.series_names()) series_.push_back({name, {}});
        build(spec, symbol);
    }
    Graph(const Graph&) = delete;
    Graph& operator=(const Graph&) = delete;

    std::size_t output_count() const { return outputs_.size(); }

    /// Queues values of a named series, each of which counts from the first bar that closes at or after its time.
    /// Throws, and nothing changes, unless the graph takes the series and all n values may follow those that are there.
    void push(const std::string& name, const std::int64_t* ts, const double* values, std::size_t n) {
        check_values(name, ts, values, n);
        series_[place_of(name)].values.push(ts, values, n);
    }
    /// Throws where `push` would.
    void check_values(const std::string& name, const std::int64_t* ts, const double* values, std::size_t n) const {
        series_[place_of(name)].values.check(name, ts, values, n);
    }
    /// Throws BarError where `run` would, for checked bars of which the first opens at `ts`.
    void check_next(std::int64_t ts) const { check_order(ts, last_ts_); }

    /// Runs n bars; output o of bar i goes to out[i * bar_stride + o * output_stride]. Bars must have been checked.
    /// Throws BarError, and nothing changes, where they begin before the last bar that was run.
    void run(const BarColumns& bars, std::size_t n, double* out, std::size_t bar_stride, std::size_t output_stride) {
        if (n == 0) return;
        check_next(bars.ts[0]);
        last_ts_ = bars.ts[n - 1];
        use(n == 1 ? 1 : BLOCK);
        for (std::size_t at = 0; at < n; at += BLOCK) {
            const std::size_t size = std::min(BLOCK, n - at);
            if (n == 1) {
                bar_ = bars.bar(0);
            } else {
                for (const auto& [column, input] : inputs_) input->values = bars.column(column) + at;
                if (bar_stride == 1) write_own(out + at, output_stride);
            }
            run_stages(bars.ts + at, size, n == 1);
            for (std::size_t o = 0; o < outputs_.size(); ++o) {
                const double* from = outputs_[o]->values;
                double* to = out + at * bar_stride + o * output_stride;
                if (from == to) continue;
                if (bar_stride == 1)
                    std::copy_n(from, size, to);
                else
                    for (std::size_t i = 0; i < size; ++i) to[i * bar_stride] = from[i];
            }
        }
    }

    /// Runs one bar and returns the first output; all of them then stand in `latest`. Throws BarError, and nothing
    /// changes, for an impossible bar.
    double update(std::int64_t ts, const Bar& bar) {
        check_bar(ts, bar, last_ts_);
        last_ts_ = ts;
        use(1);
        bar_ = bar;
        run_stages(&ts, 1, true);
        for (std::size_t o = 0; o < outputs_.size(); ++o) latest_[o] = *outputs_[o]->values;
        return latest_.empty() ? NaN : latest_[0];
    }
    const std::vector<double>& latest() const { return latest_; }

    void state(Writer& archive) {
        archive(hash_), archive(last_ts_);
        for (auto& series : series_) archive(series.values);
        for (auto& kernel : kernels_) kernel->save(archive);
    }
    /// Throws StateError, before anything changes, unless the state is of the same graph.
    void state(Reader& archive) {
        std::string hash;
        archive(hash);
        if (hash != hash_)
            throw StateError(message("state", "must be of the same feature graph (" + hash_.substr(0, 12) + ")",
                                     hash.substr(0, 12), "load it into the graph that it was saved from"));
        archive(last_ts_);
        for (auto& series : series_) archive(series.values);
        for (auto& kernel : kernels_) kernel->load(archive);
    }

  private:
    /// What is run once a block: a kernel with the columns that it fills (one for each reading), a series, or the
    /// clock.
    struct Work {
        Node* kernel = nullptr;
        std::vector<const Column*> in;
        std::vector<Column*> out;
        int series = -1;
        double max_age_us = 0.0;
    };
    struct Stage {
        std::vector<Work> works;
        Group group;
    };
    struct NamedSeries {
        std::string name;
        AsOf values;
    };
    std::size_t place_of(const std::string& name) const {
        std::string known;
        for (std::size_t s = 0; s < series_.size(); ++s) {
            if (series_[s].name == name) return s;
            known += (known.empty() ? "" : ", ") + series_[s].name;
        }
        throw std::invalid_argument(message("series", "must be one that the feature graph joins", "'" + name + "'",
                                            "this graph takes: " + (known.empty() ? "none" : known)));
    }
    /// Kernel, its inputs, and all of its parameters but the reading.
    using SharedState = std::tuple<std::string, std::vector<int>, std::vector<double>>;

    void build(const GraphSpec& spec, const std::string& symbol) {
        const std::size_t count = spec.nodes.size();
        std::vector<std::vector<double>> parameters;
        std::vector<std::vector<int>> inputs;
        std::vector<NodeKind> kinds;
        std::vector<std::size_t> owners, constants(count, 0), batch(count, 0);
        std::map<std::pair<std::string, std::size_t>, std::size_t>
            batches;  // by kernel, and which inputs are constants
        std::map<SharedState, std::size_t> shared;
        const Clamps all_clamps(spec);
        std::map<std::size_t, Clamp> clamps;
        for (std::size_t i = 0; i < count; ++i) {
            const NodeSpec& node = spec.nodes[i];
            parameters.push_back(node.parameters_of(symbol));
            kinds.push_back(check(node, i, parameters[i]));
            owners.push_back(i);
            inputs.push_back(node.inputs);
            if (const auto clamp = all_clamps.at(i, parameters); clamp && !clamps.contains(clamp->inner)) {
                clamps.emplace(i, *clamp);
                inputs[i] = {clamp->input};
                inputs[clamp->inner].clear();
                kinds[clamp->inner] = NodeKind::absent;
            }
            for (std::size_t a = 0; a < inputs[i].size(); ++a)
                if (kinds[static_cast<std::size_t>(inputs[i][a])] == NodeKind::constant) constants[i] |= 1U << a;
            const std::string op = clamps.contains(i) ? "clamp" : node.op;
            batch[i] = batches.emplace(std::pair{op, constants[i]}, batches.size()).first->second;
            if (kinds[i] != NodeKind::kernel || node.op == "input" || node.op == "as_of") continue;
            if (!find_kernel(node.op).shared) continue;
            SharedState key{node.op, node.inputs, {parameters[i].begin(), parameters[i].end() - 1}};
            owners[i] = shared.emplace(std::move(key), i).first->second;
            if (owners[i] != i) kinds[i] = NodeKind::reading;
        }
        const Layout layout(kinds, inputs, owners, batch, spec.outputs);
        place(layout, kinds, parameters);
        std::vector<Work*> of_node(count);
        for (const Part& part : layout.parts) {
            Stage& stage = stages_.emplace_back();
            stage.works.reserve(part.kernels.size());
            for (std::size_t node : part.kernels)
                if (kinds[node] == NodeKind::input)
                    inputs_.emplace_back(column_of(spec.nodes[node].name), column_[node]);
                else
                    of_node[node] = &stage.works.emplace_back(work(spec.nodes[node], node, parameters[node]));
            for (const auto& nodes : part.batches)
                for (std::size_t node : nodes) {
                    const auto clamp = clamps.find(node);
                    const Pointwise kernel = clamp == clamps.end()
                                                 ? find_kernel(spec.nodes[node].op).make_pointwise(parameters[node])
                                                 : clamp_kernel(clamp->second.low, clamp->second.high);
                    if (node == nodes[0]) stage.group.begin_batch(kernel, constants[node]);
                    stage.group.add(kernel, columns_of(inputs[node]), column_[node]);
                }
        }
        for (std::size_t node = 0; node < count; ++node) {
            if (kinds[node] != NodeKind::reading) continue;
            Work& owner = *of_node[owners[node]];
            owner.kernel->add_reading(parameters[node]);
            owner.out.push_back(column_[node]);
        }
        for (int node : spec.outputs) outputs_.push_back(column_[static_cast<std::size_t>(node)]);
        for (const auto& [output, node] : layout.own) own_.emplace_back(output, column_[node]);
    }

    static NodeKind check(const NodeSpec& spec, std::size_t number, const std::vector<double>& parameters) {
        for (int input : spec.inputs)
            if (input < 0 || static_cast<std::size_t>(input) >= number)
                throw std::invalid_argument(message("node.in", "must name earlier nodes", std::to_string(input),
                                                    "write the graph with Graph.to_data"));
        if (spec.op == "input") return column_of(spec.name) == TIME_COLUMN ? NodeKind::kernel : NodeKind::input;
        if (spec.op == "as_of") return NodeKind::kernel;
        const KernelInfo& kernel = find_kernel(spec.op);
        if (static_cast<std::size_t>(kernel.arity) != spec.inputs.size())
            throw std::invalid_argument(message(spec.op, "takes " + std::to_string(kernel.arity) + " inputs",
                                                std::to_string(spec.inputs.size()), "pass each of them"));
        check_parameters(kernel, parameters);
        if (spec.op == "constant") return NodeKind::constant;
        return kernel.make_pointwise ? NodeKind::pointwise : NodeKind::kernel;
    }
    Work work(const NodeSpec& spec, std::size_t node, const std::vector<double>& parameters) {
        Work work;
        work.in = columns_of(spec.inputs);
        work.out = {column_[node]};
        if (spec.op == "as_of") {
            work.series = static_cast<int>(place_of(spec.name));
            work.max_age_us = parameters.at(0);
        } else if (spec.op != "input") {
            kernels_.push_back(find_kernel(spec.op).make(parameters));
            work.kernel = kernels_.back().get();
        }
        return work;
    }
    std::vector<const Column*> columns_of(const std::vector<int>& nodes) const {
        std::vector<const Column*> columns;
        for (int node : nodes) columns.push_back(column_[static_cast<std::size_t>(node)]);
        return columns;
    }

    void place(const Layout& layout, const std::vector<NodeKind>& kinds,
               const std::vector<std::vector<double>>& parameters) {
        columns_.resize(layout.columns), singles_.resize(layout.columns), blocks_.resize(layout.columns * STRIDE);
        for (std::size_t node = 0; node < kinds.size(); ++node) {
            const std::size_t at = layout.places[node];
            column_.push_back(&columns_[at]);
            if (kinds[node] != NodeKind::constant) continue;  // which is written once
            singles_[at] = parameters[node].at(0);
            std::fill_n(blocks_.data() + at * STRIDE, BLOCK, singles_[at]);
        }
    }

    /// Points the columns at memory for `width` bars. A single bar has its own, closely packed: a live bar would else
    /// touch as many cache lines and pages as there are columns.
    void use(std::size_t width) {
        if (width == width_) return;
        width_ = width;
        for (std::size_t i = 0; i < columns_.size(); ++i)
            columns_[i].values = columns_[i].buffer = width == 1 ? &singles_[i] : &blocks_[i * STRIDE];
        if (width > 1) return;  // else each block tells where its bars stand
        const BarColumns bar{nullptr, &bar_.open, &bar_.high, &bar_.low, &bar_.close, &bar_.volume};
        for (const auto& [column, input] : inputs_) input->values = bar.column(column);
    }

    /// Lets outputs be written where they go.
    void write_own(double* out, std::size_t output_stride) {
        for (const auto& [output, column] : own_) column->values = column->buffer = out + output * output_stride;
        width_ = 0;  // the next run begins with the graph's own memory
    }

    /// ts: when each of the bars opens.
    void run_stages(const std::int64_t* ts, std::size_t size, bool one) {
        for (Stage& stage : stages_) {
            for (auto& work : stage.works) run_work(work, ts, size);
            if (one)
                stage.group.run_one();
            else
                stage.group.run(size);
        }
    }

    void run_work(Work& work, const std::int64_t* ts, std::size_t size) {
        Column& out = *work.out[0];
        if (work.kernel) {
            std::array<const double*, MAX_ARITY> in{};
            Known known = Known::all;
            for (std::size_t a = 0; a < work.in.size(); ++a) {
                in[a] = work.in[a]->values;
                known = std::min(known, work.in[a]->known);
            }
            work.kernel->run(in.data(), work.out.data(), size, known);
        } else if (work.series >= 0) {
            AsOf& series = series_[static_cast<std::size_t>(work.series)].values;
            series.read(ts, size, interval_, work.max_age_us, out.buffer);
            out.known = settle(out.buffer, size);
        } else {
            for (std::size_t i = 0; i < size; ++i) out.buffer[i] = static_cast<double>(ts[i] + interval_);
            out.known = Known::all;
        }
    }

    /// From column to column in memory: a line of the cache more than they hold, which else would all compete for the
    /// same places of the cache.
    static constexpr std::size_t STRIDE = BLOCK + 8;

    std::int64_t interval_, last_ts_ = INT64_MIN;
    std::string hash_;
    std::vector<double> latest_;
    std::vector<NamedSeries> series_;
    std::vector<std::unique_ptr<Node>> kernels_;
    std::vector<Stage> stages_;
    std::vector<Column> columns_;
    std::vector<Column*> column_;                  // of each node
    Bar bar_{};                                    // the one that is run alone
    std::vector<std::pair<int, Column*>> inputs_;  // columns of the bars, in which nothing is missing
    std::vector<Column*> outputs_;
    std::vector<std::pair<std::size_t, Column*>> own_;  // outputs by their place among all
    Aligned blocks_, singles_;
    std::size_t width_ = 0;
};

}  // namespace ratchet
