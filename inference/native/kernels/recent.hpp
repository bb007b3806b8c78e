// Short windows as they came: the values lie side by side, and every bar's window is looked through for many bars at
// once. Up to SHORT values that is quicker than any order kept among them.
#pragma once
#include <array>

#include "kernels/kernel.hpp"

namespace ratchet {

inline constexpr std::size_t SHORT = 64;

struct Recent {
    std::vector<double> before;  // the window but for the present value, oldest first
    std::uint32_t filled = 0;

    explicit Recent(std::size_t window) : before(window - 1, 0.0) {}
    bool ready() const { return filled == before.size(); }
    void push(double x) {
        if (before.empty()) return;
        std::move(before.begin() + 1, before.end(), before.begin());
        before.back() = x;
        filled += filled < before.size();
    }
    /// Runs n bars: `look(values, i, m)` fills in out[i] to out[i + m - 1], where values[k] is x[i + k], and what came
    /// before it stands in front of it.
    template <class Look>
    void run(const double* x, double* out, std::size_t n, Look look) {
        constexpr std::size_t MOST = 256;
        const std::size_t size = before.size();
        std::array<double, SHORT + MOST> values;
        for (std::size_t i = 0, m = 0; i < n; i += m) {
            m = std::min(n - i, MOST);
            std::copy_n(before.data(), size, values.data());
            std::copy_n(x + i, m, values.data() + size);
            look(values.data() + size, i, m);
            std::fill_n(out + i, std::min(m, size - filled), NaN);
            std::copy_n(values.data() + m, size, before.data());
            filled = static_cast<std::uint32_t>(std::min(size, filled + m));
        }
    }
    template <class A>
    void state(A& archive) {
        archive(before), archive(filled);
    }
};

}  // namespace ratchet
