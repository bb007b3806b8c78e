// A feature graph: nodes in topological order, run over blocks of bars or bar by bar with the same kernels.
#pragma once
#include <array>
#include <map>
#include <tuple>

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
        : interval_(spec.bar_interval_us), hash_(spec.hash), outputs_(spec.outputs), latest_(spec.outputs.size(), NaN) {
        for (const auto& name : spec.series_names()) series_.push_back({name, {}});
        columns_.resize(spec.nodes.size());
        for (std::size_t i = 0; i < spec.nodes.size(); ++i) add(spec.nodes[i], i, symbol);
        place();
    }
    Graph(const Graph&) = delete;
    Graph& operator=(const Graph&) = delete;

    std::size_t output_count() const { return outputs_.size(); }

    /// Queues values of a named series, each of which counts from the first bar that closes at or after its time.
    /// Throws, and nothing changes, unless the graph takes the series and all n values may follow those that are there.
    void push(const std::string& name, const std::int64_t* ts, const double* values, std::size_t n) {
        check_values(name, ts, values, n);
        AsOf& series = series_[place_of(name)].values;
        for (std::size_t i = 0; i < n; ++i) series.push(ts[i], values[i]);
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
            if (n > 1 && bar_stride == 1) write_ends(out + at, output_stride);
            for (auto& work : works_) run_work(work, bars, at, size);
            for (std::size_t o = 0; o < outputs_.size(); ++o) {
                const double* from = columns_[static_cast<std::size_t>(outputs_[o])].values;
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
        const BarColumns columns{&ts, &bar.open, &bar.high, &bar.low, &bar.close, &bar.volume};
        for (auto& work : works_) run_work(work, columns, 0, 1);
        for (std::size_t o = 0; o < outputs_.size(); ++o)
            latest_[o] = *columns_[static_cast<std::size_t>(outputs_[o])].values;
        return latest_.empty() ? NaN : latest_[0];
    }
    const std::vector<double>& latest() const { return latest_; }

    void state(Writer& archive) {
        archive(hash_), archive(last_ts_);
        for (auto& series : series_) archive(series.values);
        for (auto& work : works_)
            if (work.kernel) work.kernel->save(archive);
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
        for (auto& work : works_)
            if (work.kernel) work.kernel->load(archive);
    }

  private:
    static constexpr std::size_t MAX_ARITY = 3;
    /// What is run once a block: a kernel with the columns that it fills (one for each reading), or an input.
    struct Work {
        std::unique_ptr<Node> kernel;  // null for inputs
        std::vector<const Column*> in;
        std::vector<Column*> out;
        int column = -1;  // of the bar
        int series = -1;
        double max_age_us = 0.0;
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

    void add(const NodeSpec& spec, std::size_t number, const std::string& symbol) {
        Column& column = columns_[number];
        Work work;
        for (int input : spec.inputs) {
            if (input < 0 || static_cast<std::size_t>(input) >= number)
                throw std::invalid_argument(message("node.in", "must name earlier nodes", std::to_string(input),
                                                    "write the graph with Graph.to_data"));
            work.in.push_back(&columns_[static_cast<std::size_t>(input)]);
        }
        work.out = {&column};
        auto found = spec.parameters.find(symbol);
        if (found == spec.parameters.end()) found = spec.parameters.find("*");
        const std::vector<double> parameters = found == spec.parameters.end() ? std::vector<double>{} : found->second;
        if (spec.op == "input") {
            work.column = column_of(spec.name);
        } else if (spec.op == "as_of") {
            for (std::size_t s = 0; s < series_.size(); ++s)
                if (series_[s].name == spec.name) work.series = static_cast<int>(s);
            work.max_age_us = parameters.at(0);
        } else {
            const KernelInfo& kernel = find_kernel(spec.op);
            if (static_cast<std::size_t>(kernel.arity) != spec.inputs.size())
                throw std::invalid_argument(message(spec.op, "takes " + std::to_string(kernel.arity) + " inputs",
                                                    std::to_string(spec.inputs.size()), "pass each of them"));
            check_parameters(kernel, parameters);
            if (spec.op == "constant") {
                constants_.emplace_back(&column, parameters.at(0));
                return;
            }
            if (kernel.shared) {
                SharedState key{spec.op, spec.inputs, {parameters.begin(), parameters.end() - 1}};
                const auto [at, fresh] = shared_.emplace(std::move(key), works_.size());
                if (!fresh) {
                    works_[at->second].kernel->add_reading(parameters);
                    works_[at->second].out.push_back(&column);
                    return;
                }
            }
            work.kernel = kernel.make(parameters);
        }
        works_.push_back(std::move(work));
    }

    /// Gives each column its memory. What nothing reads any more is written over, so that a block of a large graph
    /// stays near the processor; outputs are kept to the block's end, constants are written once.
    void place() {
        auto number = [this](const Column* column) { return static_cast<std::size_t>(column - columns_.data()); };
        std::vector<std::size_t> last_use(columns_.size(), 0), place_of(columns_.size()), free;
        for (std::size_t w = 0; w < works_.size(); ++w) {
            for (const Column* column : works_[w].out) last_use[number(column)] = w;
            for (const Column* column : works_[w].in) last_use[number(column)] = w;
        }
        for (int node : outputs_) last_use[static_cast<std::size_t>(node)] = works_.size();
        for (const auto& [column, value] : constants_) last_use[number(column)] = works_.size();
        std::vector<std::vector<std::size_t>> done(works_.size() + 1);
        for (std::size_t i = 0; i < columns_.size(); ++i) done[last_use[i]].push_back(i);
        std::vector<bool> filled(columns_.size()), read(columns_.size());
        for (const Work& work : works_) {
            for (const Column* column : work.out) filled[number(column)] = work.kernel != nullptr;
            for (const Column* column : work.in) read[number(column)] = true;
        }
        for (std::size_t o = 0; o < outputs_.size(); ++o) {
            const auto node = static_cast<std::size_t>(outputs_[o]);
            if (filled[node] && !read[node]) ends_.emplace_back(o, &columns_[node]);
        }
        std::size_t places = 0;
        auto take = [&](const Column* column) {
            if (free.empty()) free.push_back(places++);
            place_of[number(column)] = free.back();
            free.pop_back();
        };
        for (const auto& [column, value] : constants_) take(column);
        for (std::size_t w = 0; w < works_.size(); ++w) {
            for (const Column* column : works_[w].out) take(column);
            for (std::size_t i : done[w]) free.push_back(place_of[i]);
        }
        places_ = std::move(place_of);
        for (auto* memory : {&blocks_, &singles_}) memory->resize(places * (memory == &blocks_ ? BLOCK : 1));
        for (const auto& [column, value] : constants_) {
            std::fill_n(blocks_.data() + places_[number(column)] * BLOCK, BLOCK, value);
            singles_[places_[number(column)]] = value;
        }
        use(1);
    }

    /// Points the columns at memory for `width` bars. A single bar has its own, closely packed: a live bar would else
    /// touch as many cache lines and pages as there are nodes.
    void use(std::size_t width) {
        if (width == width_) return;
        width_ = width;
        double* memory = width == 1 ? singles_.data() : blocks_.data();
        for (std::size_t i = 0; i < columns_.size(); ++i)
            columns_[i].values = columns_[i].buffer = memory + places_[i] * width;
    }

    /// Lets what no node reads be written where it goes.
    void write_ends(double* out, std::size_t output_stride) {
        for (const auto& [o, column] : ends_) column->values = column->buffer = out + o * output_stride;
        width_ = 0;  // the next run begins with the graph's own memory
    }

    void run_work(Work& work, const BarColumns& bars, std::size_t at, std::size_t size) {
        Column& out = *work.out[0];
        if (work.kernel) {
            std::array<const double*, MAX_ARITY> in{};
            bool clean = true;
            for (std::size_t a = 0; a < work.in.size(); ++a) {
                in[a] = work.in[a]->values;
                clean = clean && work.in[a]->clean;
            }
            work.kernel->run(in.data(), work.out.data(), size, clean);
        } else if (work.column == TIME_COLUMN) {
            for (std::size_t i = 0; i < size; ++i) out.buffer[i] = static_cast<double>(bars.ts[at + i] + interval_);
        } else if (work.column >= 0) {
            out.values = bars.column(work.column) + at;  // checked bars have nothing missing
        } else {
            AsOf& series = series_[static_cast<std::size_t>(work.series)].values;
            series.read(bars.ts + at, size, interval_, work.max_age_us, out.buffer);
            out.clean = std::all_of(out.buffer, out.buffer + size, [](double x) { return std::isfinite(x); });
        }
    }

    std::int64_t interval_, last_ts_ = INT64_MIN;
    std::string hash_;
    std::vector<int> outputs_;
    std::vector<double> latest_;
    std::vector<NamedSeries> series_;
    std::vector<Work> works_;
    std::vector<Column> columns_;  // of each node
    std::vector<std::pair<Column*, double>> constants_;
    std::vector<std::pair<std::size_t, Column*>> ends_;  // outputs that no node reads
    std::vector<std::size_t> places_;                    // of the columns in memory
    std::vector<double> blocks_, singles_;
    std::size_t width_ = 0;
    std::map<SharedState, std::size_t> shared_;  // to its place in works_
};

}  // namespace ratchet
