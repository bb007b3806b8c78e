// Gann's square of nine: numbers on a spiral, whose root grows by 2 with each turn.
#pragma once
#include "kernels/kernel.hpp"

namespace ratchet {

/// Prices a quarter turn apart have roots half a unit apart: 1, 2.25, 4, 6.25, 9 ... The price is read in the power of
/// ten that keeps neighbours at least `spacing` apart, as chartists shift the decimal point.
struct SquareOfNine {
    static constexpr const char* NAME = "square_of_nine";
    static constexpr const char* FORMULA =
        "nearest (k / 2)^2 10^m at or below (output 0), above (1) the price (input 1), k whole; m is the smallest "
        "whole number with root(price 10^m) not below input 2, that is, neighbours about input 2 apart or more";
    static constexpr int ARITY = 2;
    static std::vector<Parameter> parameters() { return {{"output", 0, 1, true}}; }
    static Settings examples() { return {{0}, {1}}; }
    static int warm_up(const std::vector<double>&) { return 0; }

    using Reading = Output;

    explicit SquareOfNine(const std::vector<double>&) {}
    bool update(double price, double spacing) {
        const double least = spacing * spacing / price * (1.0 - ROUNDING);
        if (!(least > above && least < below)) rescale(least);
        turns = std::floor(2.0 * std::sqrt(price / scale) * (1.0 + ROUNDING));
        return true;
    }
    double read(const Output& output) const {
        const double root = 0.5 * (turns + static_cast<double>(output.index));
        return root * root * scale;
    }
    template <class A>
    void state(A&) {}

  private:
    static constexpr double ROUNDING = 1e-12;  // 6.25 is itself a level

    /// The smallest power of ten that is not below `least`; it stays what it is for all others well between it and a
    /// tenth of it.
    void rescale(double least) {
        scale = std::pow(10.0, std::ceil(std::log10(least)));
        above = 0.1 * scale * (1.0 + ROUNDING);
        below = scale * (1.0 - ROUNDING);
    }
    double scale = 1.0, turns = 0.0;  // quarter turns from the square's middle
    double above = 1.0, below = 0.0;  // where the scale is known: at first nowhere
};

inline std::vector<KernelInfo> gann_kernels() { return {entry<SquareOfNine>()}; }

}  // namespace ratchet
