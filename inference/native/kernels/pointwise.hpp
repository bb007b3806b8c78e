// Kernels without state: many bars at a time, without a branch, with constants as numbers in the processor's registers.
#pragma once
#include "kernels/kernel.hpp"
#include "kernels/lanes.hpp"

namespace ratchet {

/// Whether a kernel is a function of the present bar alone: its update changes nothing.
template <class Kernel>
concept Stateless =
    requires(const Kernel kernel) { []<class... A>(double (Kernel::*)(A...) const) {}(&Kernel::update); };
/// Whether a kernel is not guarded by the gate, since answering where an input is missing is what it does.
template <class Kernel>
concept AnswersMissing = requires { Kernel::ANSWERS_MISSING; };

/// Whether a kernel of one input has a quicker way, `usual(a)`, for inputs whose `oddity(a)` is clear in its first bit.
template <class Kernel>
concept HasUsual = requires { &Kernel::usual; };

/// The ways of one kernel.
template <Stateless Kernel>
class PointwiseRuns {
  public:
    static Pointwise make(const std::vector<double>& parameters) {
        return with_runs(parameters, std::make_index_sequence<1 << Kernel::ARITY>{});
    }

  private:
    using In = std::array<const double*, Kernel::ARITY>;

    template <std::size_t... Constants>
    static Pointwise with_runs(const std::vector<double>& parameters, std::index_sequence<Constants...>) {
        static const Pointwise::Run runs[] = {run<Constants>...};
        return {std::make_shared<const Kernel>(parameters), runs, one};
    }
    static void one(const PointwiseNode* nodes, std::size_t count) {
        for (const PointwiseNode* node = nodes; node < nodes + count; ++node) {
            In in;
            for (std::size_t a = 0; a < Kernel::ARITY; ++a) in[a] = node->in[a]->values;
            const double now = finite_or_nan(value<0, false>(*static_cast<const Kernel*>(node->kernel), in, 0, ALL));
            *node->out->buffer = now;
            node->out->known = finite(now) ? Known::all : Known::none;
        }
    }
    template <std::size_t Constants>
    RATCHET_CLONES static void run(const PointwiseNode* nodes, std::size_t count, std::size_t n) {
        for (const PointwiseNode* node = nodes; node < nodes + count; ++node) {
            const Kernel kernel = *static_cast<const Kernel*>(node->kernel);
            In in;
            Known known = Known::all;
            for (std::size_t a = 0; a < Kernel::ARITY; ++a) {
                in[a] = node->in[a]->values;
                known = std::min(known, node->in[a]->known);
            }
            double* out = node->out->buffer;
            if (known == Known::all)
                node->out->known = fill<Constants, true>(kernel, in, out, n);
            else if (known == Known::none && !AnswersMissing<Kernel>)
                node->out->known = missing(out, n);
            else
                node->out->known = fill<Constants, false>(kernel, in, out, n);
        }
    }
    template <std::size_t Constants, bool Clean>
    RATCHET_INLINE static Known fill(const Kernel& kernel, const In& in, double* __restrict out, std::size_t n) {
        std::uint64_t odd = 0;
        if constexpr (HasUsual<Kernel> && Clean && Constants == 0) {
            std::uint64_t oddities = 0;
            for (std::size_t i = 0; i < n; ++i) {
                oddities |= Kernel::oddity(in[0][i]);
                out[i] = kernel.usual(in[0][i]);
            }
            if (oddities >> 63 == 0) return Known::all;
        }
        for (std::size_t i = 0; i < n; ++i) odd |= oddness(out[i] = value<Constants, Clean>(kernel, in, i, ALL));
        return odd == 0 ? Known::all : settle(out, n);
    }
    static constexpr std::make_index_sequence<Kernel::ARITY> ALL{};
    template <std::size_t Constants, bool Clean, std::size_t... A>
    RATCHET_INLINE static double value(const Kernel& kernel, const In& in, [[maybe_unused]] std::size_t i,
                                       std::index_sequence<A...>) {
        const double result = kernel.update(in[A][Constants >> A & 1 ? 0 : i]...);
        if constexpr (Clean || AnswersMissing<Kernel>) return result;
        return (finite(in[A][Constants >> A & 1 ? 0 : i]) & ...) ? result : NaN;
    }
};

/// A registry entry for a kernel without state.
template <Stateless Kernel>
KernelInfo pointwise_entry() {
    return {Kernel::NAME,
            Kernel::FORMULA,
            Kernel::ARITY,
            false,
            Kernel::parameters(),
            Kernel::examples(),
            [](const std::vector<double>& p) { return Kernel::warm_up(p); },
            nullptr,
            PointwiseRuns<Kernel>::make};
}

}  // namespace ratchet
