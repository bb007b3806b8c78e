// Kernels without state, run in batches of one kernel each: a processor would else have to foretell for each node which
// code comes next.
#pragma once
#include "pointwise.hpp"

namespace ratchet {

class Group {
  public:
    /// Nodes of one kernel; `constants`: which inputs are constants, a bit each.
    void begin_batch(const Pointwise& kernel, std::size_t constants) {
        batches_.push_back({kernel.runs[constants], kernel.one, steps_.size(), 0});
    }
    void add(const Pointwise& kernel, const std::vector<const Column*>& in, Column* out) {
        Step step{kernel.kernel.get(), {}, out};
        std::copy(in.begin(), in.end(), step.in.begin());
        steps_.push_back(step);
        kernels_.push_back(kernel.kernel);
        ++batches_.back().count;
    }
    /// Runs n bars.
    void run(std::size_t n) const {
        for (const Batch& batch : batches_) batch.run(steps_.data() + batch.first, batch.count, n);
    }
    /// Runs one bar.
    void run_one() const {
        for (const Batch& batch : batches_) batch.one(steps_.data() + batch.first, batch.count);
    }

  private:
    struct Batch {
        Pointwise::Run run;
        Pointwise::RunOne one;
        std::size_t first, count;
    };
    std::vector<Batch> batches_;
    std::vector<Step> steps_;
    std::vector<std::shared_ptr<const void>> kernels_;
};

}  // namespace ratchet
