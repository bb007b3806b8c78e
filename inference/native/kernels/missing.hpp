// What stands in for a missing number.
#pragma once
#include "kernels/pointwise.hpp"

namespace ratchet {

/// A value for the bars on which the input is missing: of a member of a basket, say, that has not traded.
struct OrElse {
    static constexpr const char* NAME = "or_else";
    static constexpr const char* FORMULA = "a, or `value` where a is missing";
    static constexpr int ARITY = 1;
    static constexpr bool ANSWERS_MISSING = true;
    static std::vector<Parameter> parameters() { return {{"value", -1e300, 1e300, false}}; }
    static Settings examples() { return {{0.0}, {-2.5}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    explicit OrElse(const std::vector<double>& p) : value(p[0]) {}
    double update(double a) const { return finite(a) ? a : value; }
    double value;
};

inline std::vector<KernelInfo> missing_kernels() { return {pointwise_entry<OrElse>()}; }

}  // namespace ratchet
