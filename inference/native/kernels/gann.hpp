// Gann's square of nine: numbers on a spiral, whose root grows by 2 with each turn.
#pragma once
#include <array>

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
        const double lowest = least(price, spacing);
        if (!knows(lowest)) rescale(lowest);
        turns = turns_of(price, scale);
        return true;
    }
    double read(const Output& output) const { return level(turns, scale, static_cast<double>(output.index)); }
    void run(const double* price, const double* spacing, const Told<Output>& told, std::size_t n) {
        std::array<double, MOST> scales, all_turns;
        for (std::size_t i = 0, m = 0; i < n; i += m) {
            m = std::min(n - i, MOST);
            leasts(price + i, spacing + i, scales.data(), m);
            for (std::size_t j = 0; j < m; ++j) {
                if (!knows(scales[j])) rescale(scales[j]);
                scales[j] = scale;
            }
            turns_of_all(price + i, scales.data(), all_turns.data(), m);
            for (std::size_t r = 0; r < told.readings.size(); ++r)
                levels(all_turns.data(), scales.data(), static_cast<double>(told.readings[r].index),
                       told.out[r]->buffer + i, m);
        }
    }
    template <class A>
    void state(A&) {}

  private:
    static constexpr std::size_t MOST = 256;   // bars at once
    static constexpr double ROUNDING = 1e-12;  // 6.25 is itself a level

    bool knows(double least) const { return least > above && least < below; }
    static double least(double price, double spacing) { return spacing * spacing / price * (1.0 - ROUNDING); }
    static double turns_of(double price, double scale) {
        return std::floor(2.0 * std::sqrt(price / scale) * (1.0 + ROUNDING));
    }
    static double level(double turns, double scale, double more) {
        const double root = 0.5 * (turns + more);
        return root * root * scale;
    }
    RATCHET_CLONES static void leasts(const double* price, const double* spacing, double* __restrict out,
                                      std::size_t n) {
        for (std::size_t i = 0; i < n; ++i) out[i] = least(price[i], spacing[i]);
    }
    RATCHET_CLONES static void turns_of_all(const double* price, const double* scale, double* __restrict out,
                                            std::size_t n) {
        for (std::size_t i = 0; i < n; ++i) out[i] = turns_of(price[i], scale[i]);
    }
    RATCHET_CLONES static void levels(const double* turns, const double* scale, double more, double* __restrict out,
                                      std::size_t n) {
        for (std::size_t i = 0; i < n; ++i) out[i] = level(turns[i], scale[i], more);
    }
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
