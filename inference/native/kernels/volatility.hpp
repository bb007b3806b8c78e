// Conditional variance recursions with parameters fitted elsewhere.
#pragma once
#include <array>
#include <bit>

#include "kernels/kernel.hpp"

namespace ratchet {

/// A shock whose square is finite, and with it each variance: beta is at most 1. No ordinary return comes near it.
inline double bounded_shock(double shock) { return std::clamp(shock, -1e50, 1e50); }

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
        double shock = bounded_shock(r - mu);
        return variance = omega + alpha * shock * shock + beta * variance;
    }
    template <class A>
    void state(A& archive) {
        archive(variance);
    }
    double mu, omega, alpha, beta, variance;
};

/// GJR-GARCH(1,1,1) (Glosten, Jagannathan and Runkle 1993, Journal of Finance 48): falls count apart from rises.
struct Gjr {
    static constexpr const char* NAME = "gjr";
    static constexpr const char* FORMULA = "h' = omega + (alpha + gamma [r < mu]) (r - mu)^2 + beta h, from h = start";
    static constexpr int ARITY = 1;
    static std::vector<Parameter> parameters() {
        return {{"mu", -1, 1, false},    {"omega", 0, 1, false}, {"alpha", 0, 1, false},
                {"gamma", -1, 2, false}, {"beta", 0, 1, false},  {"start", 0, 10, false}};
    }
    static Settings examples() { return {{0.0, 1e-6, 0.02, 0.12, 0.9, 1e-4}, {1.0, 1e-3, 0.1, -0.1, 0.5, 0.0}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    explicit Gjr(const std::vector<double>& p)
        : mu(p[0]), omega(p[1]), weights{p[2], p[2] + p[3]}, beta(p[4]), variance(p[5]) {}
    double update(double r) {
        const double shock = bounded_shock(r - mu);
        // whether it falls cannot be foretold: without a branch
        const double weight = weights[std::bit_cast<std::uint64_t>(shock) >> 63];
        return variance = std::max(omega + weight * shock * shock + beta * variance, 0.0);
    }
    template <class A>
    void state(A& archive) {
        archive(variance);
    }
    double mu, omega;
    std::array<double, 2> weights;  // of a rise, of a fall
    double beta, variance;
};

/// EGARCH(1,1,1) (Nelson 1991, Econometrica 59). A shock counts up to 20 deviations: the recursion is exponential in
/// it, and after a standstill of the price one step would otherwise forecast without bound.
struct Egarch {
    static constexpr const char* NAME = "egarch";
    static constexpr const char* FORMULA =
        "ln h' = omega + alpha (|z| - sqrt(2/pi)) + gamma z + beta ln h, z = (r - mu) / sqrt(h) within [-20, 20], "
        "from h = start";
    static constexpr int ARITY = 1;
    static constexpr double MEAN_ABSOLUTE = 0.79788456080286535588;  // sqrt(2/pi), E|z| of a standard normal
    static constexpr double MAX_SHOCK = 20.0, MAX_LOG = 100.0;
    static std::vector<Parameter> parameters() {
        return {{"mu", -1, 1, false},      {"omega", -100, 100, false}, {"alpha", -10, 10, false},
                {"gamma", -10, 10, false}, {"beta", -1, 1, false},      {"start", 1e-30, 10, false}};
    }
    static Settings examples() { return {{0.0, -0.2, 0.15, -0.1, 0.98, 1e-4}, {0.5, 0.0, 0.0, 1.0, 0.5, 1.0}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    explicit Egarch(const std::vector<double>& p)
        : mu(p[0]), omega(p[1]), alpha(p[2]), gamma(p[3]), beta(p[4]), log_variance(std::log(p[5])) {}
    double update(double r) {
        const double z = std::clamp((r - mu) * std::exp(-0.5 * log_variance), -MAX_SHOCK, MAX_SHOCK);
        const double next = omega + alpha * (std::abs(z) - MEAN_ABSOLUTE) + gamma * z + beta * log_variance;
        log_variance = std::clamp(next, -MAX_LOG, MAX_LOG);
        return std::exp(log_variance);
    }
    template <class A>
    void state(A& archive) {
        archive(log_variance);
    }
    double mu, omega, alpha, gamma, beta, log_variance;
};

inline std::vector<KernelInfo> volatility_kernels() { return {entry<Garch>(), entry<Gjr>(), entry<Egarch>()}; }

}  // namespace ratchet
