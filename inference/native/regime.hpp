// Filters of hidden regimes with parameters fitted elsewhere.
#pragma once
#include "kernel.hpp"

namespace ratchet {

/// Two states of variance that follow a Markov chain (Hamilton 1989, Econometrica 57; Kim and Nelson 1999, ch. 4): the
/// probability, given all returns so far, that the present bar is a turbulent one. Starts from the chain's steady
/// state. In log odds, so that no outlier can make both likelihoods vanish.
struct TurbulentProbability {
    static constexpr const char* NAME = "turbulent_probability";
    static constexpr const char* FORMULA =
        "p = q N(r; mu, s1) / ((1 - q) N(r; mu, s0) + q N(r; mu, s1)), q = (1 - stay0) (1 - p_before) + stay1 p_before";
    static constexpr int ARITY = 1;
    static std::vector<Parameter> parameters() {
        return {{"mu", -1, 1, false},
                {"calm_sigma", 1e-12, 10, false},
                {"turbulent_sigma", 1e-12, 10, false},
                {"stay_calm", 1e-12, 1.0 - 1e-12, false},
                {"stay_turbulent", 1e-12, 1.0 - 1e-12, false}};
    }
    static Settings examples() { return {{0.0, 0.007, 0.02, 0.99, 0.97}, {1.0, 0.5, 0.5, 0.6, 0.2}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    explicit TurbulentProbability(const std::vector<double>& p)
        : mu(p[0]),
          log_sigma_ratio(std::log(p[1] / p[2])),
          precision_difference(0.5 / (p[1] * p[1]) - 0.5 / (p[2] * p[2])),
          leave_calm(1.0 - p[3]),
          stay_turbulent(p[4]),
          probability((1.0 - p[3]) / (2.0 - p[3] - p[4])) {}
    double update(double r) {
        const double before = leave_calm * (1.0 - probability) + stay_turbulent * probability;  // inside (0, 1)
        const double shock = std::clamp(r - mu, -1e50, 1e50);
        const double log_odds =
            std::log(before / (1.0 - before)) + log_sigma_ratio + shock * shock * precision_difference;
        return probability = 1.0 / (1.0 + std::exp(-log_odds));
    }
    template <class A>
    void state(A& archive) {
        archive(probability);
    }
    double mu, log_sigma_ratio, precision_difference, leave_calm, stay_turbulent, probability;
};

inline std::vector<KernelInfo> regime_kernels() { return {entry<TurbulentProbability>()}; }

}  // namespace ratchet
