// What a kernel is, and the gate through which all kernels see their inputs.
//
// A kernel is a small struct: parameters in, `update(inputs...)` per bar, `state(archive)`. It never sees a non-finite
// number: the gate (`Gated`) is the one place with the NaN rule. A bar on which any input is missing gives NaN and
// leaves the state as it was; a result that is not finite (or not ready: NaN) leaves as NaN. So state is always finite.
// Blocks and single bars run the same `update`, hence batch equals stream to the bit. A few kernels that many features
// use have a `run` of many bars beside it, which the contract tests hold to the same bits.
//
// A kernel of which several numbers can be told has a `Reading`: `update` says whether it is ready and `read(reading)`
// tells one of them. Nodes of a graph that differ in their last parameter alone, the reading, share one state.
#pragma once
#include <tuple>
#include <utility>

#include "kernels/node.hpp"

namespace ratchet {

template <class Kernel>
concept HasReadings = requires { typename Kernel::Reading; };
/// Whether a kernel has a quicker way through many bars at once of which none is missing: `run(inputs..., out, n)` or,
/// with readings, `run(inputs..., told, n)`. It gives what as many calls of `update` give, to the bit.
template <class Kernel>
concept HasRun = requires { &Kernel::run; };

/// Whether a kernel with a `run` tells nothing but its inputs or counts: finite on every bar from the first that is.
template <class Kernel>
concept AlwaysFinite = requires { Kernel::ALWAYS_FINITE; };

/// The inputs of a kernel over a block.
template <int Arity>
struct Inputs {
    std::array<const double*, Arity> columns;

    explicit Inputs(const double* const* in) { std::copy_n(in, Arity, columns.begin()); }
    bool present(std::size_t i) const {
        bool all = true;
        for (const double* column : columns) all &= finite(column[i]);
        return all;
    }
    template <class Kernel>
    auto update(Kernel& kernel, std::size_t i) const {
        return call(kernel, i, std::make_index_sequence<Arity>{});
    }
    template <class Kernel, class... Rest>
    void run(Kernel& kernel, const Rest&... rest) const {
        std::apply([&](auto... column) { kernel.run(column..., rest...); }, columns);
    }

  private:
    template <class Kernel, std::size_t... A>
    auto call(Kernel& kernel, [[maybe_unused]] std::size_t i, std::index_sequence<A...>) const {
        return kernel.update(columns[A][i]...);
    }
};

template <class Kernel>
class Gated final : public Node {
  public:
    explicit Gated(const std::vector<double>& parameters) : kernel_(parameters) {}

    void run(const double* const* in, Column* const* out, std::size_t n, Known known) override {
        out[0]->known = run(in, out[0]->buffer, n, known);
    }
    void save(Writer& archive) override { kernel_.state(archive); }
    void load(Reader& archive) override { kernel_.state(archive); }

  private:
    Known run(const double* const* in, double* out, std::size_t n, Known known) {
        if (known == Known::none) return missing(out, n);
        if (n == 1) return in_turn(kernel_, in, out, 1, known);
        if constexpr (HasRun<Kernel>) {
            if (known == Known::all) {
                Inputs<Kernel::ARITY>(in).run(kernel_, out, n);
                if constexpr (AlwaysFinite<Kernel>) return whether_all(n == 0 || finite(out[0]));
                return settle(out, n);
            }
        }
        Kernel local = std::move(kernel_);  // a local can stay in registers all along
        const Known told = in_turn(local, in, out, n, known);
        kernel_ = std::move(local);
        return told;
    }
    /// Bars one after the other.
    static Known in_turn(Kernel& kernel, const double* const* in, double* __restrict out, std::size_t n, Known known) {
        const Inputs<Kernel::ARITY> inputs(in);
        bool all = true;
        for (std::size_t i = 0; i < n; ++i) {
            const bool present = known == Known::all || inputs.present(i);
            const double value = present ? finite_or_nan(inputs.update(kernel, i)) : NaN;
            all &= finite(value);
            out[i] = value;
        }
        return whether_all(all);
    }
    Kernel kernel_;
};

/// What of a kernel is told, and the columns for it. A kernel with readings and a `run` gets them in place of `out`.
template <class Reading>
struct Told {
    const std::vector<Reading>& readings;
    Column* const* out;

    /// Runs bar i by itself.
    template <class Kernel, class... In>
    void update(Kernel& kernel, std::size_t i, In... in) const {
        const bool ready = kernel.update(in...);
        for (std::size_t r = 0; r < readings.size(); ++r) out[r]->buffer[i] = ready ? kernel.read(readings[r]) : NaN;
    }
};

/// The gate before a kernel with readings.
template <class Kernel>
class GatedReadings final : public Node {
  public:
    explicit GatedReadings(const std::vector<double>& parameters) : kernel_(parameters) { add_reading(parameters); }

    void run(const double* const* in, Column* const* out, std::size_t n, Known known) override {
        if (known == Known::none) {
            for (std::size_t r = 0; r < readings_.size(); ++r) out[r]->known = missing(out[r]->buffer, n);
            return;
        }
        run_bars(in, out, n, known);
        for (std::size_t r = 0; r < readings_.size(); ++r) out[r]->known = settle(out[r]->buffer, n);
    }
    void add_reading(const std::vector<double>& parameters) override {
        readings_.push_back(typename Kernel::Reading(parameters));
    }
    void save(Writer& archive) override { kernel_.state(archive); }
    void load(Reader& archive) override { kernel_.state(archive); }

  private:
    using All = Told<typename Kernel::Reading>;

    void run_bars(const double* const* in, Column* const* out, std::size_t n, Known known) {  // as in Gated
        if (n == 1) return in_turn(kernel_, in, out, 1, known);
        if constexpr (HasRun<Kernel>)
            if (known == Known::all) return Inputs<Kernel::ARITY>(in).run(kernel_, All{readings_, out}, n);
        Kernel local = std::move(kernel_);
        in_turn(local, in, out, n, known);
        kernel_ = std::move(local);
    }
    void in_turn(Kernel& kernel, const double* const* in, Column* const* out, std::size_t n, Known known) const {
        const Inputs<Kernel::ARITY> inputs(in);
        for (std::size_t i = 0; i < n; ++i) {
            const bool ready = (known == Known::all || inputs.present(i)) && inputs.update(kernel, i);
            for (std::size_t r = 0; r < readings_.size(); ++r)
                out[r]->buffer[i] = ready ? kernel.read(readings_[r]) : NaN;
        }
    }
    Kernel kernel_;
    std::vector<typename Kernel::Reading> readings_;
};

/// The usual reading: which of a kernel's outputs, by its last parameter.
struct Output {
    std::size_t index;
    explicit Output(const std::vector<double>& p) : index(static_cast<std::size_t>(p.back())) {}
};

/// A registry entry for a gated kernel. Each kernel declares NAME, FORMULA, ARITY, parameters() and
/// warm_up(parameters).
template <class Kernel>
KernelInfo entry() {
    using Gate = std::conditional_t<HasReadings<Kernel>, GatedReadings<Kernel>, Gated<Kernel>>;
    return {Kernel::NAME,
            Kernel::FORMULA,
            Kernel::ARITY,
            HasReadings<Kernel>,
            Kernel::parameters(),
            Kernel::examples(),
            [](const std::vector<double>& p) { return Kernel::warm_up(p); },
            [](const std::vector<double>& p) { return std::make_unique<Gate>(p); }};
}

}  // namespace ratchet
