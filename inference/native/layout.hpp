// In which order the nodes of a graph are run, and where their values stand. Kernels without state are gathered into
// as few groups as their inputs allow. What nothing reads any more is written over, so that a block of a large graph
// stays near the processor.
#pragma once
#include <algorithm>
#include <cstddef>
#include <map>
#include <vector>

namespace ratchet {

enum class NodeKind {
    constant,
    pointwise,  // a kernel without state
    kernel,     // with state, a named series, or the clock
    reading,    // one more number of an earlier kernel
    input,      // a column of the bars, which is read where it stands
    absent,     // part of another node, and never run
};

/// Part of a run: kernels one after the other, then a group of those without state, in batches of one kind. By node.
struct Part {
    std::vector<std::size_t> kernels;
    std::vector<std::vector<std::size_t>> batches;
};

class Layout {
  public:
    std::vector<Part> parts;
    std::vector<std::size_t> places;  // of each node: number of its column
    std::size_t columns = 0;
    std::vector<std::pair<std::size_t, std::size_t>> own;  // outputs with a column of their own: place among all, node

    /// Of each node: its kind, its inputs (earlier nodes), the node with whose kernel it is run, and, of those without
    /// state, what the nodes of a batch have in common.
    Layout(std::vector<NodeKind> kinds, std::vector<std::vector<int>> inputs, std::vector<std::size_t> owners,
           const std::vector<std::size_t>& batch, const std::vector<int>& outputs)
        : places(kinds.size()),
          kinds_(std::move(kinds)),
          inputs_(std::move(inputs)),
          owners_(std::move(owners)),
          own_(kinds_.size(), false) {
        order(batch);
        place(outputs);
    }

  private:
    bool pointwise(std::size_t node) const { return kinds_[node] == NodeKind::pointwise; }
    bool constant(std::size_t node) const { return kinds_[node] == NodeKind::constant; }
    bool absent(std::size_t node) const { return kinds_[node] == NodeKind::absent; }
    bool given(std::size_t node) const { return constant(node) || absent(node) || kinds_[node] == NodeKind::input; }
    /// Whether its column is never another's: written once, or told in each block where it stands.
    bool keeps(std::size_t node) const { return given(node) || own_[node]; }
    template <class Each>
    void each_input(std::size_t node, Each each) const {
        for (int input : inputs_[node]) each(static_cast<std::size_t>(input));
    }

    /// A kernel's part is the first after the groups that it reads, a kernel without state is in the group of the part
    /// of what it reads.
    void order(const std::vector<std::size_t>& batch) {
        part_.assign(kinds_.size(), 0);
        std::vector<std::vector<std::size_t>> groups;
        for (std::size_t node = 0; node < kinds_.size(); ++node) {
            each_input(node, [&](std::size_t input) {
                part_[node] = std::max(part_[node], part_[input] + (pointwise(input) && !pointwise(node)));
            });
            parts.resize(std::max(parts.size(), part_[node] + 1)), groups.resize(parts.size());
            if (pointwise(node))
                groups[part_[node]].push_back(node);
            else if (owners_[node] == node && !constant(node) && !absent(node))
                parts[part_[node]].kernels.push_back(node);
        }
        for (std::size_t i = 0; i < parts.size(); ++i) parts[i].batches = batches(groups[i], batch);
    }
    /// As few as can be had by always taking the kind of which most nodes are ready.
    std::vector<std::vector<std::size_t>> batches(const std::vector<std::size_t>& group,
                                                  const std::vector<std::size_t>& batch) const {
        std::vector<std::vector<std::size_t>> found;
        std::map<std::size_t, std::vector<std::size_t>> ready;  // by kind
        std::map<std::size_t, std::vector<std::size_t>> readers;
        std::map<std::size_t, std::size_t> awaited;
        for (std::size_t node : group) {
            each_input(node, [&](std::size_t input) {
                if (!pointwise(input) || part_[input] != part_[node]) return;
                readers[input].push_back(node);
                ++awaited[node];
            });
            if (awaited[node] == 0) ready[batch[node]].push_back(node);
        }
        while (!ready.empty()) {
            const auto most = std::max_element(ready.begin(), ready.end(), [](const auto& a, const auto& b) {
                return a.second.size() < b.second.size();
            });
            const std::size_t kind = most->first;
            std::vector<std::size_t>& taken = found.emplace_back(std::move(most->second));
            ready.erase(most);
            for (std::size_t i = 0; i < taken.size(); ++i)  // which grows: what only waited for the batch joins it
                for (std::size_t reader : readers[taken[i]])
                    if (--awaited[reader] == 0)
                        (batch[reader] == kind ? taken : ready[batch[reader]]).push_back(reader);
        }
        return found;
    }
    void find_own(const std::vector<int>& outputs) {
        for (std::size_t place = 0; place < outputs.size(); ++place) {
            const auto node = static_cast<std::size_t>(outputs[place]);
            if (given(node) || own_[node]) continue;
            own.emplace_back(place, node);
            own_[node] = true;
        }
    }
    void place(const std::vector<int>& outputs) {
        find_own(outputs);
        std::vector<std::vector<std::size_t>> written;  // what each kernel or step of the run writes
        std::vector<std::size_t> turn(kinds_.size(), 0);
        for (const Part& part : parts) {
            for (std::size_t node : part.kernels) turn[node] = written.size(), written.emplace_back();
            for (const auto& batch : part.batches)
                for (std::size_t node : batch) turn[node] = written.size(), written.emplace_back();
        }
        std::vector<std::size_t> last_turn(kinds_.size(), 0), free;
        for (std::size_t node = 0; node < kinds_.size(); ++node) {
            turn[node] = turn[owners_[node]];
            if (!keeps(node)) written[turn[node]].push_back(node);
            last_turn[node] = keeps(node) ? written.size() : turn[node];
            each_input(node, [&](std::size_t input) { last_turn[input] = std::max(last_turn[input], turn[node]); });
        }
        std::vector<std::vector<std::size_t>> done(written.size() + 1);
        for (std::size_t node = 0; node < kinds_.size(); ++node) {
            done[last_turn[node]].push_back(node);
            if (keeps(node)) places[node] = columns++;
        }
        for (std::size_t now = 0; now < written.size(); ++now) {
            for (std::size_t node : written[now]) {
                if (free.empty()) free.push_back(columns++);
                places[node] = free.back();
                free.pop_back();
            }
            for (std::size_t node : done[now]) free.push_back(places[node]);
        }
    }

    std::vector<NodeKind> kinds_;
    std::vector<std::vector<int>> inputs_;
    std::vector<std::size_t> owners_, part_;
    std::vector<bool> own_;
};

}  // namespace ratchet
