// Filters of hidden regimes with parameters fitted elsewhere.
#pragma once
#include <algorithm>
#include <array>

#include "kernels/exponential.hpp"
#include "kernels/kernel.hpp"

namespace ratchet {

/// Two states of variance that follow a Markov chain (Hamilton 1989, Econometrica 57; Kim and Nelson 1999, ch. 4): the
/// probability, given all returns so far, that the present bar is a turbulent one. Starts from the chain's steady
/// state. Kept as the weights of the two states, of which only the share counts, so that a bar waits for one product
/// and one sum of the bar before it; every GROUP bars they are scaled back. A likelihood ratio is at most e^80: no
/// outlier can make both weights vanish, or one of them infinite before they are scaled.
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
          stay_calm(p[3]),
          leave_calm(1.0 - p[3]),
          stay_turbulent(p[4]),
          leave_turbulent(1.0 - p[4]),
          calm(leave_turbulent / (leave_calm + leave_turbulent)),
          turbulent(leave_calm / (leave_calm + leave_turbulent)) {}
    double update(double r) { return follow(likelihood_ratio(r)); }
    void run(const double* r, double* __restrict out, std::size_t n) {
        likelihood_ratios(r, out, n);
        TurbulentProbability local = *this;  // can stay in registers, which `out` cannot reach
        for (std::size_t i = 0; i < n; ++i) out[i] = local.follow(out[i]);
        *this = local;
    }
    template <class A>
    void state(A& archive) {
        archive(calm), archive(turbulent), archive(at);
    }

  private:
    static constexpr std::uint64_t GROUP = 8;

    double likelihood_ratio(double r) const {
        const double shock = std::clamp(r - mu, -1e50, 1e50);
        return natural_exp(std::min(log_sigma_ratio + shock * shock * precision_difference, 80.0));
    }
    RATCHET_CLONES void likelihood_ratios(const double* r, double* __restrict out, std::size_t n) const {
        for (std::size_t i = 0; i < n; ++i) out[i] = likelihood_ratio(r[i]);
    }
    double follow(double ratio) {
        const double before = calm;
        calm = stay_calm * before + leave_turbulent * turbulent;
        turbulent = ratio * leave_calm * before + ratio * stay_turbulent * turbulent;
        const double both = calm + turbulent, probability = turbulent / both;
        if (++at == GROUP) calm /= both, turbulent = probability, at = 0;
        return probability;
    }
    double mu, log_sigma_ratio, precision_difference, stay_calm, leave_calm, stay_turbulent, leave_turbulent;
    double calm, turbulent;
    std::uint64_t at = 0;  // in the group
};

/// Three states of variance that follow a Markov chain: as above, the probability of one of them. The likelihoods are
/// taken relative to the largest, so that no outlier can make all of them vanish. Where the two ways out of a state sum
/// to more than 1, they are scaled to 1.
struct RegimeProbability {
    static constexpr const char* NAME = "regime_probability";
    static constexpr const char* FORMULA =
        "p_i proportional to q_i N(r; mu, s_i), q_j = sum of p_before_i (i to j); output 0 calm, 1 middle, 2 turbulent";
    static constexpr int ARITY = 1;
    static constexpr std::size_t STATES = 3;
    static std::vector<Parameter> parameters() {
        return {{"mu", -1, 1, false},
                {"calm_sigma", 1e-12, 10, false},
                {"middle_sigma", 1e-12, 10, false},
                {"turbulent_sigma", 1e-12, 10, false},
                {"calm_to_middle", 0, 1, false},
                {"calm_to_turbulent", 0, 1, false},
                {"middle_to_calm", 0, 1, false},
                {"middle_to_turbulent", 0, 1, false},
                {"turbulent_to_calm", 0, 1, false},
                {"turbulent_to_middle", 0, 1, false},
                {"output", 0, 2, true}};
    }
    static Settings examples() {
        return {{0.0, 0.005, 0.01, 0.03, 0.01, 1e-9, 0.005, 0.01, 1e-9, 0.05, 0},
                {0.0, 0.005, 0.01, 0.03, 0.01, 1e-9, 0.005, 0.01, 1e-9, 0.05, 1},
                {1.0, 0.5, 0.5, 0.7, 0.0, 0.5, 0.1, 0.0, 0.8, 0.3, 2}};
    }
    static int warm_up(const std::vector<double>&) { return 0; }

    using Reading = Output;

    explicit RegimeProbability(const std::vector<double>& p) : mu(p[0]) {
        const auto share = [&p](std::size_t i, std::size_t other) { return p[i] / std::max(p[i] + p[other], 1.0); };
        const double a = share(4, 5), b = share(5, 4), c = share(6, 7), d = share(7, 6), e = share(8, 9),
                     f = share(9, 8);
        chain = {1.0 - a - b, a, b, c, 1.0 - c - d, d, e, f, 1.0 - e - f};
        // the chain's steady state, by its spanning trees
        probability = {c * e + c * f + d * e, a * e + a * f + b * f, b * c + b * d + a * d};
        const double total = probability[0] + probability[1] + probability[2];
        for (std::size_t i = 0; i < STATES; ++i) {
            probability[i] = total > 0.0 ? probability[i] / total : 1.0 / STATES;
            log_sigma[i] = std::log(p[1 + i]);
            half_precision[i] = 0.5 / (p[1 + i] * p[1 + i]);
        }
    }
    bool update(double r) {
        const double shock = std::clamp(r - mu, -1e50, 1e50), squared = shock * shock;
        std::array<double, STATES> score{};
        for (std::size_t j = 0; j < STATES; ++j) {
            double before = 0.0;
            for (std::size_t i = 0; i < STATES; ++i) before += probability[i] * chain[STATES * i + j];
            score[j] = std::log(std::max(before, 1e-300)) - log_sigma[j] - squared * half_precision[j];
        }
        const double best = std::max({score[0], score[1], score[2]});
        double total = 0.0;
        for (std::size_t j = 0; j < STATES; ++j) total += probability[j] = std::exp(score[j] - best);
        for (double& each : probability) each /= total;
        return true;
    }
    double read(const Output& output) const { return probability[output.index]; }
    template <class A>
    void state(A& archive) {
        archive(probability);
    }
    double mu;
    std::array<double, STATES * STATES> chain{};
    std::array<double, STATES> probability{}, log_sigma{}, half_precision{};
};

inline std::vector<KernelInfo> regime_kernels() { return {entry<TurbulentProbability>(), entry<RegimeProbability>()}; }

}  // namespace ratchet
