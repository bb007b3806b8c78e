// Volume at price: a rolling profile of equal bins, its point of control and value area (Steidlmayer and Koy 1986).
#pragma once
#include <array>

#include "kernel.hpp"

namespace ratchet {

/// The volume of each bar is spread evenly over its range. The bins are laid anew, over the window's range and a
/// quarter of it on either side, once a window and whenever a bar falls outside them; then the window is counted again.
/// O(bins) per bar.
struct VolumeProfile {
    static constexpr const char* NAME = "volume_profile";
    static constexpr const char* FORMULA =
        "volume of the last `window` bars over `bins` equal bins of (high, low, volume). output 0: middle of the "
        "fullest bin (point of control); 1, 2: lower and upper edge of the value area, grown from there by the fuller "
        "neighbour until it holds `share` of the volume; 3: volume at the bar's middle over that of the fullest bin; "
        "4, "
        "5: middle of the nearest high-volume node below, above the bar's middle (a bin fuller than `node` on either "
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

    explicit VolumeProfile(const std::vector<double>& p)
        : share(p[2]),
          reach(static_cast<std::size_t>(p[3])),
          output(static_cast<int>(p[4])),
          lows(static_cast<std::size_t>(p[0])),
          highs(lows.items.size()),
          volumes(lows.items.size()),
          bins(static_cast<std::size_t>(p[1]), 0.0) {}
    double update(double high, double low, double volume) {
        if (low > high) std::swap(low, high);
        const bool counted = lows.full();
        const double old_low = lows.push(low), old_high = highs.push(high), old_volume = volumes.push(volume);
        if (!lows.full()) return NaN;
        const double top = origin + step * static_cast<double>(bins.size());
        if (!counted || lows.at == 0 || low < origin || high > top) {
            lay();
        } else {
            spread(old_low, old_high, -old_volume);
            spread(low, high, volume);
        }
        return answer(0.5 * (low + high));
    }
    template <class A>
    void state(A& archive) {
        archive(lows), archive(highs), archive(volumes), archive(bins), archive(origin), archive(step);
    }

  private:
    void lay() {
        const double bottom = *std::min_element(lows.items.begin(), lows.items.end());
        const double top = *std::max_element(highs.items.begin(), highs.items.end());
        const double span = std::max(top - bottom, 1e-9 * (1.0 + std::abs(top)));
        origin = bottom - 0.25 * span;
        step = 1.5 * span / static_cast<double>(bins.size());
        std::fill(bins.begin(), bins.end(), 0.0);
        for (std::size_t i = 0; i < lows.items.size(); ++i) spread(lows.items[i], highs.items[i], volumes.items[i]);
    }
    std::size_t bin(double place) const {
        return std::min(static_cast<std::size_t>(std::max(place, 0.0)), bins.size() - 1);
    }
    void put(std::size_t i, double volume) {
        bins[i] += volume;
        if (bins[i] < 1e-9 * std::abs(volume)) bins[i] = 0.0;  // what rounding leaves of volume taken out
    }
    void spread(double low, double high, double volume) {
        const double from = (low - origin) / step, to = (high - origin) / step;
        const std::size_t first = bin(from), last = bin(to);
        if (first == last) return put(first, volume);
        const double density = volume / (to - from);
        put(first, density * (static_cast<double>(first + 1) - from));
        for (std::size_t i = first + 1; i < last; ++i) put(i, density);
        put(last, density * (to - static_cast<double>(last)));
    }
    double total() const {  // in four parts, which a processor adds side by side
        std::array<double, 4> sums{};
        for (std::size_t i = 0; i < bins.size(); ++i) sums[i % 4] += bins[i];
        return (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }
    double answer(double middle) const {
        const std::size_t fullest = static_cast<std::size_t>(std::max_element(bins.begin(), bins.end()) - bins.begin());
        if (output == 0) return origin + (static_cast<double>(fullest) + 0.5) * step;
        if (output == 3) return bins[fullest] > 0.0 ? bins[bin((middle - origin) / step)] / bins[fullest] : 0.0;
        if (output >= 4)
            return origin + node(output >= 6, output & 1, bin((middle - origin) / step), 1e-9 * bins[fullest]) * step;
        const double wanted = share * (1.0 - 1e-12) * total();  // reached in spite of rounding
        std::size_t from = fullest, to = fullest;
        for (double held = bins[fullest]; held < wanted && (from > 0 || to + 1 < bins.size());) {
            const double below = from > 0 ? bins[from - 1] : -1.0, above = to + 1 < bins.size() ? bins[to + 1] : -1.0;
            held += above >= below ? bins[++to] : bins[--from];
        }
        return origin + static_cast<double>(output == 1 ? from : to + 1) * step;
    }
    /// Place of the nearest node on that side of a bin, in bins from the origin. Of equal bins side by side the lowest
    /// is the node.
    double node(bool is_low, bool above, std::size_t from, double rounding) const {
        std::size_t first = 0, last = bins.size() - 1;
        while (first < last && bins[first] <= rounding) ++first;
        while (last > first && bins[last] <= rounding) --last;
        if (above)
            for (std::size_t i = std::max(from + 1, first); i <= last; ++i)
                if (stands_out(is_low, i, first, last, rounding)) return static_cast<double>(i) + 0.5;
        if (!above)
            for (std::size_t i = std::min(from, last + 1); i-- > first;)
                if (stands_out(is_low, i, first, last, rounding)) return static_cast<double>(i) + 0.5;
        return static_cast<double>(above ? last + 1 : first);
    }
    /// Beyond the traded bins, from `first` to `last`, lies no volume: a low node needs traded bins on either side.
    bool stands_out(bool is_low, std::size_t i, std::size_t first, std::size_t last, double rounding) const {
        if (is_low && (i == first || i == last)) return false;
        const double sign = is_low ? -1.0 : 1.0;
        for (std::size_t j = i - std::min(reach, i - first); j <= std::min(i + reach, last); ++j) {
            const double more = sign * (bins[j] - bins[i]);
            if (j < i ? more >= -rounding : more > rounding) return false;
        }
        return true;
    }
    double share;
    std::size_t reach;
    int output;
    Ring lows, highs, volumes;
    std::vector<double> bins;
    double origin = 0.0, step = 1.0;
};

inline std::vector<KernelInfo> profile_kernels() { return {entry<VolumeProfile>()}; }

}  // namespace ratchet
