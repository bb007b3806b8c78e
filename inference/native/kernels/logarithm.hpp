// The natural logarithm without branches or tables, so that a compiler can take several at a time.
#pragma once
#include <bit>
#include <cstdint>
#include <limits>

namespace ratchet {

/// ln x to less than 1 unit in the last place; NaN where x <= 0. x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), and
/// with s = f / (2 + f): ln(1 + f) = f - f²/2 + s (f²/2 + R(s²)), R a polynomial (fdlibm, Sun Microsystems 1993,
/// e_log.c, whose coefficients these are).
///
/// `Normal`: x is a normal number above 0, the others' answers are not looked for.
template <bool Normal = false>
inline double natural_log(double x) {
    constexpr std::uint64_t HALF_ROOT = 0x3fe6a09e667f3bcd;  // sqrt(1/2)
    constexpr std::uint64_t ONE = 0x3ff0000000000000, MANTISSA = 0x000fffffffffffff;
    constexpr double LN2_HIGH = 6.93147180369123816490e-01, LN2_LOW = 1.90821492927058770002e-10;
    const bool tiny = !Normal && x < std::numeric_limits<double>::min();  // subnormal: scaled by 2^54 first
    const std::uint64_t bits = std::bit_cast<std::uint64_t>(tiny ? x * 0x1p54 : x) + (ONE - HALF_ROOT);
    // 2^52 + exponent, made without a conversion of integers, which few vector units have
    const double exponent = std::bit_cast<double>((bits >> 52) | 0x4330000000000000);
    const double k = exponent - (0x1p52 + 1023.0) - (tiny ? 54.0 : 0.0);
    const double f = std::bit_cast<double>((bits & MANTISSA) + HALF_ROOT) - 1.0;
    const double s = f / (2.0 + f), z = s * s, w = z * z, half = 0.5 * f * f;
    const double odd = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
    const double even =
        z * (6.666666666666735130e-01 +
             w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
    const double value = k * LN2_HIGH - ((half - (s * (half + (odd + even)) + k * LN2_LOW)) - f);
    return Normal || x > 0.0 ? value : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace ratchet
