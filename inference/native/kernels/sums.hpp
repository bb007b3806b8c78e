// Sums without end, of which only differences mean anything: on-balance volume.
#pragma once
#include "kernels/kernel.hpp"

namespace ratchet {

struct RunningSum {
    static constexpr const char* NAME = "running_sum";
    static constexpr const char* FORMULA = "sum of all values so far";
    static constexpr int ARITY = 1;
    static std::vector<Parameter> parameters() { return {}; }
    static Settings examples() { return {{}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    explicit RunningSum(const std::vector<double>&) {}
    double update(double x) {
        const double more = sum + x;
        if (finite(more)) sum = more;
        return sum;
    }
    template <class A>
    void state(A& archive) {
        archive(sum);
    }
    double sum = 0.0;
};

inline std::vector<KernelInfo> sum_kernels() { return {entry<RunningSum>()}; }

}  // namespace ratchet
