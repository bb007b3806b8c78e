// Kernels without state: arithmetic, comparisons, choice. Comparisons give 1 or 0.
#pragma once
#include <algorithm>

#include "kernels/exponential.hpp"
#include "kernels/logarithm.hpp"
#include "kernels/pointwise.hpp"

namespace ratchet {

#define RATCHET_STATELESS(Type, name, formula, arity, ...)           \
    struct Type {                                                    \
        static constexpr const char* NAME = name;                    \
        static constexpr const char* FORMULA = formula;              \
        static constexpr int ARITY = arity;                          \
        static std::vector<Parameter> parameters() { return {}; }    \
        static Settings examples() { return {{}}; }                  \
        static int warm_up(const std::vector<double>&) { return 0; } \
        explicit Type(const std::vector<double>&) {}                 \
        __VA_ARGS__                                                  \
    };

RATCHET_STATELESS(Add, "add", "a + b", 2, double update(double a, double b) const { return a + b; })
RATCHET_STATELESS(Subtract, "subtract", "a - b", 2, double update(double a, double b) const { return a - b; })
RATCHET_STATELESS(Multiply, "multiply", "a * b", 2, double update(double a, double b) const { return a * b; })
RATCHET_STATELESS(
    Divide, "divide", "a / b (missing where b is 0)", 2, double update(double a, double b) const { return a / b; })
RATCHET_STATELESS(
    Minimum, "minimum", "the smaller of a and b", 2, double update(double a, double b) const { return std::min(a, b); })
RATCHET_STATELESS(
    Maximum, "maximum", "the larger of a and b", 2, double update(double a, double b) const { return std::max(a, b); })
RATCHET_STATELESS(
    Less, "less", "1 where a < b, else 0", 2, double update(double a, double b) const { return a < b ? 1.0 : 0.0; })
RATCHET_STATELESS(
    LessEqual, "less_equal", "1 where a <= b, else 0", 2,
    double update(double a, double b) const { return a <= b ? 1.0 : 0.0; })
RATCHET_STATELESS(Negate, "negate", "-a", 1, double update(double a) const { return -a; })
RATCHET_STATELESS(Absolute, "absolute", "|a|", 1, double update(double a) const { return std::abs(a); })
RATCHET_STATELESS(Exponential, "exp", "e^a", 1, double update(double a) const { return natural_exp(a); })
RATCHET_STATELESS(
    SquareRoot, "sqrt", "square root of a (missing where a < 0)", 1,
    double update(double a) const { return std::sqrt(a); })
RATCHET_STATELESS(
    Where, "where", "a where the condition is not 0, else b", 3,
    double update(double condition, double a, double b) const { return condition != 0.0 ? a : b; })
#undef RATCHET_STATELESS

struct Logarithm {
    static constexpr const char* NAME = "log";
    static constexpr const char* FORMULA = "ln a (missing where a <= 0)";
    static constexpr int ARITY = 1;
    static std::vector<Parameter> parameters() { return {}; }
    static Settings examples() { return {{}}; }
    static int warm_up(const std::vector<double>&) { return 0; }
    explicit Logarithm(const std::vector<double>&) {}
    double update(double a) const { return natural_log(a); }
    double usual(double a) const { return natural_log<true>(a); }
    /// Its first bit is set where a is not a normal number above 0.
    static std::uint64_t oddity(double a) {
        const auto bits = std::bit_cast<std::uint64_t>(a);
        return bits | (bits - std::bit_cast<std::uint64_t>(std::numeric_limits<double>::min()));
    }
};

struct Constant {
    static constexpr const char* NAME = "constant";
    static constexpr const char* FORMULA = "the value";
    static constexpr int ARITY = 0;
    static std::vector<Parameter> parameters() { return {{"value", -1e300, 1e300, false}}; }
    static Settings examples() { return {{0.0}, {-2.5}}; }
    static int warm_up(const std::vector<double>&) { return 0; }
    explicit Constant(const std::vector<double>& p) : value(p[0]) {}
    double update() const { return value; }
    template <class A>
    void state(A&) {}
    double value;
};

/// A quotient that is known where nothing moved.
struct Ratio {
    static constexpr const char* NAME = "ratio";
    static constexpr const char* FORMULA = "a / b, or `otherwise` where b is 0";
    static constexpr int ARITY = 2;
    static std::vector<Parameter> parameters() { return {{"otherwise", -1e300, 1e300, false}}; }
    static Settings examples() { return {{0.0}, {50.0}}; }
    static int warm_up(const std::vector<double>&) { return 0; }
    explicit Ratio(const std::vector<double>& p) : otherwise(p[0]) {}
    double update(double a, double b) const { return b != 0.0 ? a / b : otherwise; }
    double otherwise;
};

/// What graphs make of a maximum and a minimum with constants.
struct Clamped {
    static constexpr int ARITY = 1;
    explicit Clamped(const std::vector<double>& p) : low(p[0]), high(p[1]) {}
    double update(double a) const { return std::min(std::max(a, low), high); }
    double low, high;
};

inline std::vector<KernelInfo> arithmetic_kernels() {
    return {entry<Constant>(),
            pointwise_entry<Add>(),
            pointwise_entry<Subtract>(),
            pointwise_entry<Multiply>(),
            pointwise_entry<Divide>(),
            pointwise_entry<Minimum>(),
            pointwise_entry<Maximum>(),
            pointwise_entry<Less>(),
            pointwise_entry<LessEqual>(),
            pointwise_entry<Negate>(),
            pointwise_entry<Absolute>(),
            pointwise_entry<Logarithm>(),
            pointwise_entry<Exponential>(),
            pointwise_entry<SquareRoot>(),
            pointwise_entry<Where>(),
            pointwise_entry<Ratio>()};
}

}  // namespace ratchet
