// Price levels: the live swing (zigzag), and round numbers.
#pragma once
#include <algorithm>

#include "kernels/zigzag.hpp"

namespace ratchet {

/// Multiples of 1, 2 or 5 times a power of ten, in prices.
struct RoundNumber {
    static constexpr const char* NAME = "round_number";
    static constexpr const char* FORMULA =
        "nearest multiple of the step at or below (output 0), above (1) the price (input 1); the step is the smallest "
        "of 1, 2, 5 times a power of ten that is not below input 2";
    static constexpr int ARITY = 2;
    static std::vector<Parameter> parameters() { return {{"output", 0, 1, true}}; }
    static Settings examples() { return {{0}, {1}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    using Reading = Output;

    explicit RoundNumber(const std::vector<double>&) {}
    bool update(double price, double spacing) {
        if (!knows(spacing)) find_ten(spacing);
        step = step_of(spacing, ten);
        below = steps_below(price, step);
        return true;
    }
    double read(const Output& output) const { return (below + static_cast<double>(output.index)) * step; }
    void run(const double* price, const double* spacing, const Told<Output>& told, std::size_t n) {
        std::array<double, MOST> steps, all_below;
        for (std::size_t i = 0, m = 0; i < n; i += m) {
            m = std::min(n - i, MOST);
            for (std::size_t j = 0; j < m; ++j) {
                if (!knows(spacing[i + j])) find_ten(spacing[i + j]);
                steps[j] = ten;
            }
            find_steps(price + i, spacing + i, steps.data(), all_below.data(), m);
            for (std::size_t r = 0; r < told.readings.size(); ++r) {
                double* const out = told.out[r]->buffer + i;
                const auto more = static_cast<double>(told.readings[r].index);
                for (std::size_t j = 0; j < m; ++j) out[j] = (all_below[j] + more) * steps[j];
            }
        }
    }
    template <class A>
    void state(A&) {}

  private:
    bool knows(double spacing) const { return spacing >= ten && spacing < next_ten; }
    static double step_of(double spacing, double ten) {
        const double lead = spacing / ten * (1.0 - ROUNDING);
        return ten * (lead <= 1.0 ? 1.0 : lead <= 2.0 ? 2.0 : lead <= 5.0 ? 5.0 : 10.0);
    }
    static double steps_below(double price, double step) { return std::floor(price / step * (1.0 + ROUNDING)); }
    /// `steps`: of powers of ten the steps.
    RATCHET_CLONES static void find_steps(const double* price, const double* spacing, double* __restrict steps,
                                          double* __restrict below, std::size_t n) {
        for (std::size_t i = 0; i < n; ++i) {
            steps[i] = step_of(spacing[i], steps[i]);
            below[i] = steps_below(price[i], steps[i]);
        }
    }
    /// The largest power of ten that is not above x, and the next one; of those from 1e-30 to 1e30.
    void find_ten(double x) {
        static const std::vector<double> powers = [] {
            std::vector<double> all;
            for (int i = -30; i <= 30; ++i) all.push_back(std::pow(10.0, i));
            return all;
        }();
        const auto found = std::upper_bound(powers.begin() + 1, powers.end(), x);
        ten = *(found - 1);
        next_ten = found == powers.end() ? std::numeric_limits<double>::max() : *found;
    }
    static constexpr std::size_t MOST = 256;   // bars at once
    static constexpr double ROUNDING = 1e-12;  // 0.3 is a multiple of 0.1
    double step = 1.0, below = 0.0;
    double ten = 1.0, next_ten = 1.0;  // kept while the spacing is between them: at first never
};

inline std::vector<KernelInfo> levels_kernels() { return {entry<Zigzag>(), entry<RoundNumber>()}; }

}  // namespace ratchet
