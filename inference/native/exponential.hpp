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

}  // namespace ratchet
