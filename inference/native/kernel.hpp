// What a kernel is, and the gate through which all kernels see their inputs.
//
// A kernel is a small struct: parameters in, `update(inputs...)` per bar, `state(archive)`. It never sees a non-finite
// number: the gate (`Gated`) is the one place with the NaN rule. A bar on which any input is missing gives NaN and
// leaves the state as it was; a result that is not finite (or not ready: NaN) leaves as NaN. So state is always finite.
// Blocks and single bars run the same `update`, hence batch equals stream to the bit.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "archive.hpp"

namespace ratchet {

inline constexpr double NaN = std::numeric_limits<double>::quiet_NaN();

/// A parameter of a kernel: its admissible range, and whether it must be whole.
struct Parameter {
    std::string name;
    double low, high;
    bool whole;
};

using Settings = std::vector<std::vector<double>>;  // one row of parameters each

class Node {
  public:
    virtual ~Node() = default;
    /// Runs n bars. `clean`: no input is missing on any of them. Returns whether no output is.
    virtual bool run(const double* const* in, double* out, std::size_t n, bool clean) = 0;
    virtual void save(Writer& archive) = 0;
    virtual void load(Reader& archive) = 0;
};

/// A kernel as the registry knows it.
struct KernelInfo {
    std::string name, formula;
    int arity = 0;
    std::vector<Parameter> parameters;
    Settings examples;  // which the contract tests run
    /// Bars (with complete inputs) before the first output.
    std::function<int(const std::vector<double>&)> warm_up;
    std::function<std::unique_ptr<Node>(const std::vector<double>&)> make;
};

inline double finite_or_nan(double value) { return std::isfinite(value) ? value : NaN; }

template <class Kernel, int Arity>
class Gated final : public Node {
  public:
    explicit Gated(const std::vector<double>& parameters) : kernel_(parameters) {}

    bool run(const double* const* in, double* __restrict out, std::size_t n, bool clean) override {
        if constexpr (std::is_trivially_copyable_v<Kernel>) {  // small state: keep it in registers while the block runs
            Kernel local = kernel_;
            const bool done = loop(local, in, out, n, clean);
            kernel_ = local;
            return done;
        } else {
            return loop(kernel_, in, out, n, clean);
        }
    }
    void save(Writer& archive) override { kernel_.state(archive); }
    void load(Reader& archive) override { kernel_.state(archive); }

  private:
    static bool loop(Kernel& kernel, const double* const* in, double* __restrict out, std::size_t n, bool clean) {
        std::array<const double*, Arity> columns;
        std::copy_n(in, Arity, columns.begin());
        const auto all = std::make_index_sequence<Arity>{};
        double zero = 0.0;  // stays 0 while all outputs are finite: x * 0 is NaN for the others
        if (clean) {
            for (std::size_t i = 0; i < n; ++i) {
                out[i] = finite_or_nan(call(kernel, columns, i, all));
                zero += out[i] * 0.0;
            }
        } else {
            for (std::size_t i = 0; i < n; ++i) {
                bool present = true;
                for (const double* column : columns) present = present && std::isfinite(column[i]);
                out[i] = present ? finite_or_nan(call(kernel, columns, i, all)) : NaN;
                zero += out[i] * 0.0;
            }
        }
        return zero == 0.0;
    }
    template <std::size_t... A>
    static double call(Kernel& kernel, const std::array<const double*, Arity>& columns, std::size_t i,
                       std::index_sequence<A...>) {
        return kernel.update(columns[A][i]...);
    }
    Kernel kernel_;
};

/// A registry entry for a gated kernel. Each kernel declares NAME, FORMULA, ARITY, parameters() and
/// warm_up(parameters).
template <class Kernel>
KernelInfo entry() {
    return {Kernel::NAME,
            Kernel::FORMULA,
            Kernel::ARITY,
            Kernel::parameters(),
            Kernel::examples(),
            [](const std::vector<double>& p) { return Kernel::warm_up(p); },
            [](const std::vector<double>& p) { return std::make_unique<Gated<Kernel, Kernel::ARITY>>(p); }};
}

/// A window of the last `size` numbers, oldest first to go.
struct Ring {
    std::vector<double> items;
    std::uint32_t at = 0, filled = 0;

    explicit Ring(std::size_t size) : items(size, 0.0) {}
    bool full() const { return filled == items.size(); }
    /// Puts x in; returns what it replaces (0 while filling).
    double push(double x) {
        double old = items[at];
        items[at] = x;
        at = at + 1 == items.size() ? 0 : at + 1;
        filled += filled < items.size();
        return old;
    }
    template <class A>
    void state(A& archive) {
        archive(items), archive(at), archive(filled);
    }
};

}  // namespace ratchet
