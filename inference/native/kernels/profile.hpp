// Volume at price: a rolling profile of equal bins, its point of control and value area (Steidlmayer and Koy 1986).
#pragma once
#include <array>

#include "kernels/histogram.hpp"
#include "kernels/kernel.hpp"

namespace ratchet {

/// The volume of each bar is spread evenly over its range. The bins are laid anew, over the window's range and a
/// quarter of it on either side, once a window and whenever a bar falls outside them; then the window is counted again.
/// O(bins) per bar, and O(node) for each bin
/// on the way to the nearest nodes.
struct VolumeProfile {
    static constexpr const char* NAME = "volume_profile";
    static constexpr const char* FORMULA =
        "volume of the last `window` bars over `bins` equal bins of (high, low, volume). output 0: middle of the "
        "fullest bin (point of control); 1, 2: lower and upper edge of the value area, grown from there by the fuller "
        "neighbour until it holds `share` of the volume; 3: volume at the bar's middle over that of the fullest bin; "
        "4, 5: middle of the nearest high-volume node below, above the bar's middle (a bin fuller than `node` on "
        "either "
        "side), or the end of the traded bins; 6, 7: likewise low-volume nodes (emptier than those around, inside the "
        "traded bins)";
    static constexpr int ARITY = 3;
    static std::vector<Parameter> parameters() {
        return {{"window", 2, 1e5, true},
                {"bins", 3, 1024, true},
                {"share", 0.01, 1, false},
                {"node", 1, 256, true},
                {"output", 0, 7, true}};
    }
    static Settings examples() {
        return {{2, 3, 0.5, 1, 0},  {17, 24, 0.7, 2, 0}, {17, 24, 0.7, 2, 1}, {17, 24, 0.7, 2, 2}, {17, 24, 0.7, 2, 3},
                {30, 7, 1.0, 1, 2}, {17, 24, 0.7, 2, 4}, {17, 24, 0.7, 1, 5}, {30, 48, 0.7, 3, 6}, {17, 24, 0.7, 1, 7}};
    }
    static int warm_up(const std::vector<double>& p) { return static_cast<int>(p[0]) - 1; }

    using Reading = Output;

    explicit VolumeProfile(const std::vector<double>& p)
        : share(p[2]),
          bars(static_cast<std::size_t>(p[0])),
          histogram(static_cast<std::size_t>(p[1]), static_cast<std::size_t>(p[3])),
          lows(bars, 0.0),
          highs(bars, 0.0),
          volumes(bars, 0.0),
          spreads(bars) {}
    bool update(double high, double low, double volume) {
        if (low > high) std::swap(low, high);
        const std::size_t own = at;
        lows[own] = low, highs[own] = high, volumes[own] = volume;
        at = at + 1 == bars ? 0 : at + 1;
        const bool counted = filled == bars;
        filled += !counted;
        if (filled < bars) return false;
        if (!counted || at == 0 || low < origin || high > origin + step * static_cast<double>(histogram.count())) {
            lay();
        } else {
            const Spread fresh = spread(low, high, volume);
            histogram.replace(std::exchange(spreads[own], fresh), fresh);
        }
        measure(0.5 * (low + high));
        return true;
    }
    double read(const Output& output) const { return figures[output.index]; }
    template <class A>
    void state(A& archive) {
        archive(lows), archive(highs), archive(volumes), archive(spreads), archive(at), archive(filled);
        archive(histogram), archive(origin), archive(step), archive(per_price);
    }

  private:
    Spread spread(double low, double high, double volume) const {
        return histogram.spread((low - origin) * per_price, (high - origin) * per_price, volume);
    }
    void lay() {
        double bottom = lows[0], top = highs[0];
        for (double low : lows) bottom = std::min(bottom, low);
        for (double high : highs) top = std::max(top, high);
        const double span = std::max(top - bottom, 1e-9 * (1.0 + std::abs(top)));
        origin = bottom - 0.25 * span;
        step = 1.5 * span / static_cast<double>(histogram.count());
        per_price = 1.0 / step;
        for (std::size_t i = 0; i < bars; ++i) spreads[i] = spread(lows[i], highs[i], volumes[i]);
        histogram.fill(spreads);
    }
    void measure(double middle) {
        const std::size_t here = histogram.bin((middle - origin) * per_price);
        const Shape shape = histogram.shape(share);
        const Nodes nodes = histogram.nodes(shape, here);
        auto price = [this](double place) { return origin + place * step; };
        figures = {price(static_cast<double>(shape.fullest) + 0.5),
                   price(static_cast<double>(shape.low)),
                   price(static_cast<double>(shape.high + 1)),
                   shape.most > 0.0 ? histogram[here] / shape.most : 0.0,
                   price(nodes.high_below),
                   price(nodes.high_above),
                   price(nodes.low_below),
                   price(nodes.low_above)};
    }
    double share;
    std::size_t bars;
    Histogram histogram;
    std::vector<double> lows, highs, volumes;  // of the last bars, the oldest at `at`
    std::vector<Spread> spreads;               // theirs in the histogram
    std::uint64_t at = 0, filled = 0;
    double origin = 0.0, step = 1.0, per_price = 1.0;
    std::array<double, 8> figures{};  // what is read after each update
};

inline std::vector<KernelInfo> profile_kernels() { return {entry<VolumeProfile>()}; }

}  // namespace ratchet
