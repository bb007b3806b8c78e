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
        if (!(spacing >= ten && spacing < next_ten)) find_ten(spacing);
        const double lead = spacing / ten * (1.0 - ROUNDING);
        step = ten * (lead <= 1.0 ? 1.0 : lead <= 2.0 ? 2.0 : lead <= 5.0 ? 5.0 : 10.0);
        below = std::floor(price / step * (1.0 + ROUNDING));
        return true;
    }
    double read(const Output& output) const { return (below + static_cast<double>(output.index)) * step; }
    template <class A>
    void state(A&) {}

  private:
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
    static constexpr double ROUNDING = 1e-12;  // 0.3 is a multiple of 0.1
    double step = 1.0, below = 0.0;
    double ten = 1.0, next_ten = 1.0;  // kept while the spacing is between them: at first never
};

inline std::vector<KernelInfo> levels_kernels() { return {entry<Zigzag>(), entry<RoundNumber>()}; }

}  // namespace ratchet
