// The exponential function without branches or tables, so that a compiler can take several at a time.
#pragma once
#include <bit>
#include <cstdint>

namespace ratchet {

/// e^x to less than 1 unit in the last place; infinite where it is too large for a number, 0 where too small. x = k ln
/// 2
/// + r with |r| <= ln 2 / 2, e^r = 1 + r + r c / (2 - c), c = r - r² P(r²), P a polynomial (fdlibm, Sun Microsystems
/// 1993, e_exp.c, whose coefficients these are).
inline double natural_exp(double x) {
    constexpr double LN2_HIGH = 6.93147180369123816490e-01, LN2_LOW = 1.90821492927058770002e-10;
    constexpr double PER_LN2 = 1.44269504088896338700e+00, WHOLE = 0x1.8p52;  // what is added to WHOLE is rounded
    // both times x is asked, not what came of the first: a compiler would else branch
    const double above = x > -746.0 ? x : -746.0, bounded = x < 710.0 ? above : 710.0;
    const double shifted = bounded * PER_LN2 + WHOLE, k = shifted - WHOLE;
    const double high = bounded - k * LN2_HIGH, low = k * LN2_LOW, r = high - low, z = r * r;
    const double c = r - z * (1.66666666666666019037e-01 +
                              z * (-2.77777777770155933842e-03 +
                                   z * (6.61375632143793436117e-05 +
                                        z * (-1.65339022054652515390e-06 + z * 4.13813679705723846039e-08))));
    const double value = 1.0 - ((low - (r * c) / (2.0 - c)) - high);
    // times 2^k in two steps, for neither end of the numbers fits in one; the exponents are 1024 too high till then
    const std::uint64_t twice = std::bit_cast<std::uint64_t>(shifted) - std::bit_cast<std::uint64_t>(WHOLE) + 2048;
    const std::uint64_t half = twice >> 1, rest = twice - half;
    return value * std::bit_cast<double>((half - 1) << 52) * std::bit_cast<double>((rest - 1) << 52);
}

/// The same in single precision, to 2 units in the last place, of x held to -87 ... 88 (Cephes, Moshier 1992, expf.c).
inline float natural_exp(float x) {
    constexpr float LN2_HIGH = 0.693359375f, LN2_LOW = -2.12194440e-4f, PER_LN2 = 1.44269504088896341f;
    constexpr float WHOLE = 0x1.8p23f;
    const float above = x > -87.0f ? x : -87.0f, bounded = x < 88.0f ? above : 88.0f;
    const float shifted = bounded * PER_LN2 + WHOLE, k = shifted - WHOLE;
    const float r = (bounded - k * LN2_HIGH) - k * LN2_LOW;
    const float p = ((((1.9875691500e-4f * r + 1.3981999507e-3f) * r + 8.3334519073e-3f) * r + 4.1665795894e-2f) * r +
                     1.6666665459e-1f) *
                        r +
                    5.0000001201e-1f;
    const std::uint32_t exponent = std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(WHOLE) + 127;
    return (p * (r * r) + r + 1.0f) * std::bit_cast<float>(exponent << 23);
}

}  // namespace ratchet
