// The dominant cycle of a price.
#pragma once
#include <algorithm>
#include <array>

#include "kernels/kernel.hpp"

namespace ratchet {

/// The last eight values of a signal.
struct History {
    std::array<double, 8> values{};
    std::uint64_t at = 0;  // as wide as the values: a saved state has no stray bytes

    void push(double x) { values[++at % 8] = x; }
    /// The value so many before the newest.
    double operator[](std::uint32_t before) const { return values[(at - before) % 8]; }
};

/// Ehlers' Hilbert transform of a signal: a quarter of a cycle later.
struct HilbertTransform {
    History last;

    double push(double x, double gain) {
        last.push(x);
        return (0.0962 * (x - last[6]) + 0.5769 * (last[2] - last[4])) * gain;
    }
};

/// Period of the dominant cycle by the homodyne discriminator, and the in-phase and quadrature parts of the price
/// (Ehlers 2001, Rocket Science for Traders, ch. 6 and 7). As in TA-Lib (HT_DCPERIOD, HT_PHASOR) the transforms start
/// at the 13th value and speak from the 33rd. Inputs count within 1e100, so that their squares stay finite.
struct DominantCycle {
    static constexpr const char* NAME = "dominant_cycle";
    static constexpr const char* FORMULA =
        "Ehlers' homodyne discriminator; output 0: period in bars, 6 to 50; 1: in-phase part; 2: quadrature part";
    static constexpr int ARITY = 1;
    static constexpr int FIRST = 12, READY = 32;
    static std::vector<Parameter> parameters() { return {{"output", 0, 2, true}}; }
    static Settings examples() { return {{0}, {1}, {2}}; }
    static int warm_up(const std::vector<double>&) { return READY; }

    using Reading = Output;

    explicit DominantCycle(const std::vector<double>&) {}
    bool update(double x) {
        price.push(std::clamp(x, -1e100, 1e100));
        if (count <= READY) ++count;
        if (count <= FIRST) return false;
        const double smooth = (4.0 * price[0] + 3.0 * price[1] + 2.0 * price[2] + price[3]) * 0.1;
        const double gain = 0.075 * period + 0.54;
        const double detrended = detrender.push(smooth, gain);
        quadrature = quadrature_of.push(detrended, gain);
        in_phase = quadrature_of.last[3];
        const double i_ahead = in_phase_ahead.push(in_phase, gain), q_ahead = quadrature_ahead.push(quadrature, gain);
        const double i = 0.2 * (in_phase - q_ahead) + 0.8 * i_before, q = 0.2 * (quadrature + i_ahead) + 0.8 * q_before;
        real = 0.2 * (i * i_before + q * q_before) + 0.8 * real;
        imaginary = 0.2 * (i * q_before - q * i_before) + 0.8 * imaginary;
        i_before = i;
        q_before = q;
        const double found = real != 0.0 && imaginary != 0.0 ? TURN / std::atan(imaginary / real) : period;
        const double bounded = std::clamp(std::max(std::min(found, 1.5 * period), 0.67 * period), 6.0, 50.0);
        period = 0.2 * bounded + 0.8 * period;
        smooth_period = 0.33 * period + 0.67 * smooth_period;
        return count > READY;
    }
    double read(const Output& output) const {
        return output.index == 0 ? smooth_period : output.index == 1 ? in_phase : quadrature;
    }
    template <class A>
    void state(A& archive) {
        archive(price), archive(count), archive(detrender), archive(quadrature_of);
        archive(in_phase_ahead), archive(quadrature_ahead), archive(i_before), archive(q_before), archive(real);
        archive(imaginary), archive(period), archive(smooth_period), archive(in_phase), archive(quadrature);
    }

  private:
    static constexpr double TURN = 6.28318530717958647693;
    int count = 0;
    History price;
    HilbertTransform detrender, quadrature_of, in_phase_ahead, quadrature_ahead;
    double i_before = 0.0, q_before = 0.0, real = 0.0, imaginary = 0.0, period = 0.0, smooth_period = 0.0;
    double in_phase = 0.0, quadrature = 0.0;
};

inline std::vector<KernelInfo> cycle_kernels() { return {entry<DominantCycle>()}; }

}  // namespace ratchet
