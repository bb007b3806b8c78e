// What a graph runs: its nodes, the columns that they fill, and what the registry knows of their kernels.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "archive.hpp"
#include "clones.hpp"

namespace ratchet {

inline constexpr double NaN = std::numeric_limits<double>::quiet_NaN();

/// A parameter of a kernel: its admissible range, whether it must be whole, and whether it is a table, of one number or
/// more: the last parameter may be.
struct Parameter {
    std::string name;
    double low, high;
    bool whole, table = false;
};

using Settings = std::vector<std::vector<double>>;  // one row of parameters each

/// How many of a block's values are known rather than missing. `some` may be none or all of them.
enum class Known : std::uint8_t { none, some, all };

/// The values of one node over the present block.
struct Column {
    double* buffer = nullptr;        // where a kernel writes them
    const double* values = nullptr;  // the buffer, or the bars' own column
    Known known = Known::all;
};

inline Known whether_all(bool all) { return all ? Known::all : Known::some; }

class Node {
  public:
    virtual ~Node() = default;
    /// Runs n bars into one column for each reading. `known`: what is of every input (on all bars, on none).
    virtual void run(const double* const* in, Column* const* out, std::size_t n, Known known) = 0;
    /// One more number to tell, by the kernel's full parameters.
    virtual void add_reading(const std::vector<double>&) { throw std::logic_error("this kernel tells one number"); }
    virtual void save(Writer& archive) = 0;
    virtual void load(Reader& archive) = 0;
};

inline constexpr std::size_t MAX_ARITY = 3;

/// One node of a kernel without state: the columns that it reads and writes.
struct PointwiseNode {
    const void* kernel;
    std::array<const Column*, MAX_ARITY> in;
    Column* out;
};

/// A kernel without state: its ways through a batch of nodes, for n bars by which inputs are constants (a bit each),
/// and for a single bar.
struct Pointwise {
    using Run = void (*)(const PointwiseNode* nodes, std::size_t count, std::size_t n);
    using RunOne = void (*)(const PointwiseNode* nodes, std::size_t count);

    std::shared_ptr<const void> kernel;
    const Run* runs;
    RunOne one;
};

/// A kernel as the registry knows it.
struct KernelInfo {
    std::string name, formula;
    int arity = 0;
    bool shared = false;  // whether nodes that differ in their last parameter alone share one state
    std::vector<Parameter> parameters;
    Settings examples;  // which the contract tests run
    /// Bars (with complete inputs) before the first output.
    std::function<int(const std::vector<double>&)> warm_up;
    std::function<std::unique_ptr<Node>(const std::vector<double>&)> make;
    std::function<Pointwise(const std::vector<double>&)> make_pointwise = nullptr;  // in its place where without state
};

inline bool finite(double value) { return std::abs(value) <= std::numeric_limits<double>::max(); }
inline double finite_or_nan(double value) { return finite(value) ? value : NaN; }
/// Not 0 where a value is not finite: x - x is 0 but for infinities and NaN. Cheaper than a comparison, in vectors too.
inline std::uint64_t oddness(double value) { return std::bit_cast<std::uint64_t>(value - value); }

/// Makes what is not finite NaN. Returns what is known: all, or some.
RATCHET_CLONES inline Known settle(double* values, std::size_t n) {
    std::uint64_t odd = 0;
    for (std::size_t i = 0; i < n; ++i) odd |= oddness(values[i]);
    if (odd == 0) return Known::all;
    for (std::size_t i = 0; i < n; ++i) values[i] = finite_or_nan(values[i]);
    return Known::some;
}

/// Nothing is known: what a higher timeframe gives between its bars.
RATCHET_CLONES inline Known missing(double* values, std::size_t n) {
    std::fill_n(values, n, NaN);
    return Known::none;
}

}  // namespace ratchet
