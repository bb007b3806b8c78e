// The dominant cycle of a price.
#pragma once
#include <algorithm>
#include <array>

#include "kernels/kernel.hpp"
#include "kernels/lanes.hpp"

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

    /// 0.0962 (x - x six before) + 0.5769 (x two before - x four before), times the gain: what a newest x that is
    /// known late waits for least.
    double push(double x, double gain) {
        const double earlier = 0.5769 * (last[1] - last[3]) - 0.0962 * last[5];
        last.push(x);
        return 0.0962 * gain * x + earlier * gain;
    }
};

/// 2 pi / atan(t): to a few units in the last place where that is from 6 to 50. Beyond 50 it is above 50, between 0 and
/// 6 it is below 6, and it has the sign of t; NaN where t is too large for its powers. atan(t) is t P(t^2) / 64 Q(t^2),
/// where P and Q, of degree 8, meet it at Chebyshev's nodes from tan(2 pi / 50) to tan(2 pi / 6) and a little more; of
/// the two P is the first to overflow. Terms are summed in pairs, so that few wait for others.
inline double bars_per_turn(double t) {
    constexpr Two C[] = {{0.9999999999999966, 0.015625},
                         {2.9315689761451176, 0.05101409858559651},
                         {3.329002397688578, 0.0658953619925277},
                         {1.857057745272226, 0.04301097107265431},
                         {0.5344062541147893, 0.015059632948762478},
                         {0.07656247515633699, 0.0027798165638641226},
                         {0.004849780496039914, 0.00024889676664109693},
                         {0.00010324411948935589, 8.986871540411736e-06},
                         {3.110414208285166e-07, 8.329553598455333e-08}};
    constexpr double TURN = 6.28318530717958647693;
    const double square = t * t;
    const Two z{square, square}, z2 = z * z, z4 = z2 * z2;
    const Two low = C[0] + C[1] * z + (C[2] + C[3] * z) * z2, high = C[4] + C[5] * z + (C[6] + C[7] * z) * z2;
    const Two value = low + high * z4 + C[8] * (z4 * z4);
    return 64.0 * TURN * value[1] / (t * value[0]);
}

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
        const double gain = next_gain, detrended = detrender.push(smooth, gain);
        const double now = quadrature_of.push(detrended, gain);
        quadrature = now;
        in_phase = quadrature_of.last[3];
        // every bar waits for the period of the one before it: what can be known before it is summed first, and what
        // comes last is weighed before
        const double i_ahead = in_phase_ahead.push(in_phase, 0.2 * gain),
                     q_ahead = quadrature_ahead.push(now, 0.2 * gain);
        const double i = 0.2 * in_phase + 0.8 * i_before - q_ahead, q = 0.8 * q_before + i_ahead + 0.2 * now;
        const double i_share = 0.2 * i_before, q_share = 0.2 * q_before;
        real = i * i_share + (q * q_share + 0.8 * real);
        imaginary = i * q_share - (q * i_share - 0.8 * imaginary);
        i_before = i;
        q_before = q;
        const Two bounds = Larger()(Smaller()(Two{0.67, 1.5} * period, Two{50.0, 50.0}), Two{6.0, 6.0});
        const double found = real != 0.0 && imaginary != 0.0 ? bars_per_turn(imaginary / real) : period;
        // what is not a number is a quarter of a turn, or 4 bars
        const double bounded = std::min(std::max(bounds[0], found), bounds[1]);
        next_gain = 0.015 * bounded + (0.06 * period + 0.54);  // 0.075 period + 0.54
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
        archive(imaginary), archive(next_gain), archive(period), archive(smooth_period), archive(in_phase),
            archive(quadrature);
    }

  private:
    int count = 0;
    History price;
    HilbertTransform detrender, quadrature_of, in_phase_ahead, quadrature_ahead;
    double i_before = 0.0, q_before = 0.0, real = 0.0, imaginary = 0.0, period = 0.0, smooth_period = 0.0,
           next_gain = 0.54;
    double in_phase = 0.0, quadrature = 0.0;
};

inline std::vector<KernelInfo> cycle_kernels() { return {entry<DominantCycle>()}; }

}  // namespace ratchet
