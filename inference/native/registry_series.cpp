// The kernels of any series: the lists at the end of each header.
#include "arithmetic.hpp"
#include "calendar.hpp"
#include "cycle.hpp"
#include "extrema.hpp"
#include "indicators.hpp"
#include "missing.hpp"
#include "order_statistics.hpp"
#include "parabolic.hpp"
#include "regime.hpp"
#include "registry.hpp"
#include "rolling.hpp"
#include "smoothing.hpp"
#include "sums.hpp"
#include "timeframe.hpp"
#include "volatility.hpp"

namespace ratchet {

std::vector<KernelInfo> series_kernels() {
    std::vector<KernelInfo> list;
    for (auto family : {arithmetic_kernels, rolling_kernels, extrema_kernels, order_kernels, smoothing_kernels,
                        indicator_kernels, timeframe_kernels, calendar_kernels, volatility_kernels, regime_kernels,
                        missing_kernels, cycle_kernels, parabolic_kernels, sum_kernels})
        for (auto& kernel : family()) list.push_back(std::move(kernel));
    return list;
}

}  // namespace ratchet
