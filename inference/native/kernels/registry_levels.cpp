// The kernels of price levels: the lists at the end of each header.
#include "kernels/fibonacci.hpp"
#include "kernels/gann.hpp"
#include "kernels/levels.hpp"
#include "kernels/passages.hpp"
#include "kernels/patterns.hpp"
#include "kernels/pivots.hpp"
#include "kernels/profile.hpp"
#include "kernels/registry.hpp"
#include "kernels/zones.hpp"

namespace ratchet {

std::vector<KernelInfo> level_kernels() {
    std::vector<KernelInfo> list;
    for (auto family : {pivot_kernels, levels_kernels, zones_kernels, pattern_kernels, fibonacci_kernels, gann_kernels,
                        profile_kernels, passage_kernels})
        for (auto& kernel : family()) list.push_back(std::move(kernel));
    return list;
}

}  // namespace ratchet
