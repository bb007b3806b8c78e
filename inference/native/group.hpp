// Kernels without state, run in batches of one kernel each: a processor would else have to foretell for each node which
// code comes next.
#pragma once
#include "kernels/pointwise.hpp"

namespace ratchet {

class Group {
  public:
    /// Nodes of one kernel; `constants`: which inputs are constants, a bit each.
    void begin_batch(const Pointwise& kernel, std::size_t constants) {
        batches_.push_back({kernel.runs[constants], kernel.one, nodes_.size(), 0});
    }
    void add(const Pointwise& kernel, const std::vector<const Column*>& in, Column* out) {
        PointwiseNode node{kernel.kernel.get(), {}, out};
        std::copy(in.begin(), in.end(), node.in.begin());
        nodes_.push_back(node);
        kernels_.push_back(kernel.kernel);
        ++batches_.back().count;
    }
    /// Runs n bars.
    void run(std::size_t n) const {
        for (const Batch& batch : batches_) batch.run(nodes_.data() + batch.first, batch.count, n);
    }
    /// Runs one bar.
    void run_one() const {
        for (const Batch& batch : batches_) batch.one(nodes_.data() + batch.first, batch.count);
    }

  private:
    struct Batch {
        Pointwise::Run run;
        Pointwise::RunOne one;
        std::size_t first, count;
    };
    std::vector<Batch> batches_;
    std::vector<PointwiseNode> nodes_;
    std::vector<std::shared_ptr<const void>> kernels_;
};

}  // namespace ratchet
