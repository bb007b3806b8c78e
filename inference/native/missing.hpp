// What stands in for a missing number. These kernels alone are not guarded by the gate: answering where an input is
// missing is what they do.
#pragma once
#include "kernel.hpp"

namespace ratchet {

/// A value for the bars on which the input is missing: of a member of a basket, say, that has not traded.
class OrElse final : public Node {
  public:
    explicit OrElse(const std::vector<double>& p) : value_(p[0]) {}
    void run(const double* const* in, Column* const* out, std::size_t n, bool) override {
        for (std::size_t i = 0; i < n; ++i) out[0]->buffer[i] = finite(in[0][i]) ? in[0][i] : value_;
        out[0]->clean = true;
    }
    void save(Writer&) override {}
    void load(Reader&) override {}

  private:
    double value_;
};

inline std::vector<KernelInfo> missing_kernels() {
    return {{"or_else",
             "a, or `value` where a is missing",
             1,
             false,
             {{"value", -1e300, 1e300, false}},
             {{0.0}, {-2.5}},
             [](const std::vector<double>&) { return 0; },
             [](const std::vector<double>& p) { return std::make_unique<OrElse>(p); }}};
}

}  // namespace ratchet
