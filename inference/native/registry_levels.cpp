// The kernels of price levels: the lists at the end of each header.
#include "fibonacci.hpp"
#include "gann.hpp"
#include "levels.hpp"
#include "passages.hpp"
#include "patterns.hpp"
#include "pivots.hpp"
#include "profile.hpp"
#include "registry.hpp"
#include "zones.hpp"

namespace ratchet {

std::vector<KernelInfo> level_kernels() {
    std::vector<KernelInfo> list;
    for (auto family : {pivot_kernels, levels_kernels, zones_kernels, pattern_kernels, fibonacci_kernels, gann_kernels,
                        profile_kernels, passage_kernels})
        for (auto& kernel : family()) list.push_back(std::move(kernel));
    return list;
}

}  // namespace ratchet
