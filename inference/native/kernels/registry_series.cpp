// The kernels of any series: the lists at the end of each header.
#include "kernels/arithmetic.hpp"
#include "kernels/calendar.hpp"
#include "kernels/cycle.hpp"
#include "kernels/extrema.hpp"
#include "kernels/indicators.hpp"
#include "kernels/missing.hpp"
#include "kernels/order_statistics.hpp"
#include "kernels/parabolic.hpp"
#include "kernels/regime.hpp"
#include "kernels/registry.hpp"
#include "kernels/rolling.hpp"
#include "kernels/smoothing.hpp"
#include "kernels/sums.hpp"
#include "kernels/timeframe.hpp"
#include "kernels/volatility.hpp"

namespace ratchet {

std::vector<KernelInfo> series_kernels() {
    std::vector<KernelInfo> list;
    for (auto family : {arithmetic_kernels, rolling_kernels, extrema_kernels, order_kernels, smoothing_kernels,
                        indicator_kernels, timeframe_kernels, calendar_kernels, volatility_kernels, regime_kernels,
                        missing_kernels, cycle_kernels, parabolic_kernels, sum_kernels})
        for (auto& kernel : family()) list.push_back(std::move(kernel));
    return list;
}

Pointwise clamp_kernel(double low, double high) { return PointwiseRuns<Clamped>::make({low, high}); }

}  // namespace ratchet
