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
          reach(static_cast<std::size_t>(p[3])),
          lows(static_cast<std::size_t>(p[0])),
          highs(lows.items.size()),
          volumes(lows.items.size()),
          bins(static_cast<std::size_t>(p[1]), 0.0) {}
    bool update(double high, double low, double volume) {
        if (low > high) std::swap(low, high);
        const bool counted = lows.full();
        const double old_low = lows.push(low), old_high = highs.push(high), old_volume = volumes.push(volume);
        if (!lows.full()) return false;
        const double top = origin + step * static_cast<double>(bins.size());
        if (!counted || lows.at == 0 || low < origin || high > top) {
            lay();
        } else {
            spread(old_low, old_high, -old_volume);
            spread(low, high, volume);
        }
        measure(0.5 * (low + high));
        return true;
    }
    double read(const Output& output) const {
        return output.index < figures.size() ? figures[output.index]
                                             : origin + node(output.index >= 6, output.index & 1) * step;
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
    /// All bins folded in four parts, which a processor takes side by side.
    template <class Fold>
    double folded(Fold fold) const {
        double a = 0.0, b = 0.0, c = 0.0, d = 0.0;
        std::size_t i = 0;
        for (; i + 4 <= bins.size(); i += 4) {
            a = fold(a, bins[i]);
            b = fold(b, bins[i + 1]);
            c = fold(c, bins[i + 2]);
            d = fold(d, bins[i + 3]);
        }
        for (; i < bins.size(); ++i) a = fold(a, bins[i]);
        return fold(fold(a, b), fold(c, d));
    }
    void measure(double middle) {
        const double most = folded([](double x, double y) { return x < y ? y : x; });
        const auto fullest = static_cast<std::size_t>(std::find(bins.begin(), bins.end(), most) - bins.begin());
        here = bin((middle - origin) / step);
        rounding = 1e-9 * most;
        for (first = 0; first + 1 < bins.size() && bins[first] <= rounding;) ++first;
        for (last = bins.size() - 1; last > first && bins[last] <= rounding;) --last;
        const double wanted = share * (1.0 - 1e-12) * folded(std::plus<>{});  // reached in spite of rounding
        std::size_t from = fullest, to = fullest;
        for (double held = most; held < wanted && (from > 0 || to + 1 < bins.size());) {
            const double below = from > 0 ? bins[from - 1] : -1.0, above = to + 1 < bins.size() ? bins[to + 1] : -1.0;
            const bool up = above >= below;  // a choice that cannot be foretold: without a branch
            held += up ? above : below;
            to += up;
            from -= !up;
        }
        figures = {origin + (static_cast<double>(fullest) + 0.5) * step, origin + static_cast<double>(from) * step,
                   origin + static_cast<double>(to + 1) * step, most > 0.0 ? bins[here] / most : 0.0};
    }
    /// Place of the nearest node on that side of a bin, in bins from the origin. Of equal bins side by side the lowest
    /// is the node.
    double node(bool is_low, bool above) const {
        if (above)
            for (std::size_t i = std::max(here + 1, first); i <= last; ++i)
                if (stands_out(is_low, i)) return static_cast<double>(i) + 0.5;
        if (!above)
            for (std::size_t i = std::min(here, last + 1); i-- > first;)
                if (stands_out(is_low, i)) return static_cast<double>(i) + 0.5;
        return static_cast<double>(above ? last + 1 : first);
    }
    /// Beyond the traded bins, from `first` to `last`, lies no volume: a low node needs traded bins on either side.
    bool stands_out(bool is_low, std::size_t i) const {
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
    Ring lows, highs, volumes;
    std::vector<double> bins;
    double origin = 0.0, step = 1.0;
    // what is read after each update
    std::array<double, 4> figures{};
    std::size_t here = 0, first = 0, last = 0;  // bin of the bar's middle, ends of the traded bins
    double rounding = 0.0;
};

inline std::vector<KernelInfo> profile_kernels() { return {entry<VolumeProfile>()}; }

}  // namespace ratchet
