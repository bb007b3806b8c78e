// Conditional variance recursions with parameters fitted elsewhere.
#pragma once
#include "kernel.hpp"

namespace ratchet {

/// GARCH(1,1) (Bollerslev 1986, Journal of Econometrics 31): the variance forecast for the next bar.
struct Garch {
    static constexpr const char* NAME = "garch";
    static constexpr const char* FORMULA = "h' = omega + alpha (r - mu)^2 + beta h, from h = start";
    static constexpr int ARITY = 1;
    static std::vector<Parameter> parameters() {
        return {{"mu", -1, 1, false},
                {"omega", 0, 1, false},
                {"alpha", 0, 1, false},
                {"beta", 0, 1, false},
                {"start", 0, 10, false}};
    }
    static Settings examples() { return {{0.0, 1e-6, 0.1, 0.85, 1e-4}, {1e-3, 0.0, 0.0, 0.0, 0.0}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    explicit Garch(const std::vector<double>& p) : mu(p[0]), omega(p[1]), alpha(p[2]), beta(p[3]), variance(p[4]) {}
    double update(double r) {
        double shock = r - mu;
        return variance = omega + alpha * shock * shock + beta * variance;
    }
    template <class A>
    void state(A& archive) {
        archive(variance);
    }
    double mu, omega, alpha, beta, variance;
};

inline std::vector<KernelInfo> volatility_kernels() { return {entry<Garch>()}; }

}  // namespace ratchet
