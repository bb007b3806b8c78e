// Volume at price: a rolling profile of equal bins, its point of control and value area (Steidlmayer and Koy 1986).
#pragma once
#include <array>

#include "kernels/histogram.hpp"
#include "kernels/histogram_shape.hpp"
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
        : look{static_cast<std::size_t>(p[1]), static_cast<std::size_t>(p[3]), p[2]},
          bars(static_cast<std::size_t>(p[0])),
          histogram(look.count, look.reach + Look::MARGIN),
          lows(bars, 0.0),
          highs(bars, 0.0),
          volumes(bars, 0.0),
          spreads(bars) {}
    bool update(double high, double low, double volume) {
        if (!count(high, low, volume)) return false;
        figures = measure<1>({histogram.keep(0)}, {scale}, {0.5 * (low + high)})[0];
        return true;
    }
    void run(const double* high, const double* low, const double* volume, const Told<Output>& told, std::size_t n) {
        constexpr std::size_t MOST = Histogram::TOGETHER;
        for (std::size_t i = 0; i < n;) {
            if (filled < bars || n - i < MOST) {
                told.update(*this, i, high[i], low[i], volume[i]);
                ++i;
                continue;
            }
            std::array<Volumes, MOST> kept;
            std::array<Scale, MOST> scales;
            std::array<double, MOST> middles;
            for (std::size_t k = 0; k < MOST; ++k) {
                count(high[i + k], low[i + k], volume[i + k]);
                kept[k] = histogram.keep(k), scales[k] = scale, middles[k] = 0.5 * (low[i + k] + high[i + k]);
            }
            const auto found = measure(kept, scales, middles);
            for (std::size_t r = 0; r < told.readings.size(); ++r)
                for (std::size_t k = 0; k < MOST; ++k) told.out[r]->buffer[i + k] = found[k][told.readings[r].index];
            i += MOST;
        }
    }
    double read(const Output& output) const { return figures[output.index]; }
    template <class A>
    void state(A& archive) {
        archive(lows), archive(highs), archive(volumes), archive(spreads), archive(at), archive(filled);
        archive(histogram), archive(scale.origin), archive(scale.step), archive(scale.per_price);
    }

  private:
    using Figures = std::array<double, 8>;

    /// Puts one bar in, for the oldest. Returns whether the window is full.
    bool count(double high, double low, double volume) {
        if (low > high) std::swap(low, high);
        const std::size_t own = at;
        lows[own] = low, highs[own] = high, volumes[own] = volume;
        at = at + 1 == bars ? 0 : at + 1;
        const bool counted = filled == bars;
        filled += !counted;
        if (filled < bars) return false;
        if (!counted || at == 0 || low < scale.origin || high > scale.price(static_cast<double>(look.count))) {
            lay();
        } else {
            histogram.replace(low, high, volume, scale, spreads, own);
        }
        return true;
    }
    RATCHET_CLONES static std::pair<double, double> extent(const double* low, const double* high, std::size_t n) {
        Four lows = all(low[0]), highs = all(high[0]);
        std::size_t i = 0;
        for (; i + FOUR <= n; i += FOUR) {
            lows = Smaller()(lows, load(low + i));
            highs = Larger()(highs, load(high + i));
        }
        double bottom = folded(lows, Smaller()), top = folded(highs, Larger());
        for (; i < n; ++i) bottom = std::min(bottom, low[i]), top = std::max(top, high[i]);
        return {bottom, top};
    }
    void lay() {
        const auto [bottom, top] = extent(lows.data(), highs.data(), bars);
        const double span = std::max(top - bottom, 1e-9 * (1.0 + std::abs(top)));
        const double step = 1.5 * span / static_cast<double>(look.count);
        scale = {bottom - 0.25 * span, step, 1.0 / step};
        histogram.fill(lows.data(), highs.data(), volumes.data(), scale, spreads);
    }
    /// What several states of the histogram tell. `middles`: of the bars.
    template <std::size_t COUNT>
    std::array<Figures, COUNT> measure(const std::array<Volumes, COUNT>& kept, const std::array<Scale, COUNT>& scales,
                                       const std::array<double, COUNT>& middles) const {
        std::array<std::size_t, COUNT> here;
        for (std::size_t k = 0; k < COUNT; ++k) here[k] = histogram.bin(scales[k].place(middles[k]));
        const std::array<Shape, COUNT> shapes = look.shapes(kept, here);
        std::array<Figures, COUNT> told;
        for (std::size_t k = 0; k < COUNT; ++k) {
            const Shape& shape = shapes[k];
            const auto price = [&](double place) { return scales[k].price(place); };
            told[k] = {price(static_cast<double>(shape.fullest) + 0.5),
                       price(static_cast<double>(shape.low)),
                       price(static_cast<double>(shape.high + 1)),
                       kept[k].most > 0.0 ? kept[k].bins[here[k]] / kept[k].most : 0.0,
                       price(shape.nodes.high_below),
                       price(shape.nodes.high_above),
                       price(shape.nodes.low_below),
                       price(shape.nodes.low_above)};
        }
        return told;
    }
    Look look;
    std::size_t bars;
    Histogram histogram;
    std::vector<double> lows, highs, volumes;  // of the last bars, the oldest at `at`
    Spreads spreads;                           // theirs in the histogram
    std::uint64_t at = 0, filled = 0;
    Scale scale;        // of the histogram
    Figures figures{};  // what is read after each update
};

inline std::vector<KernelInfo> profile_kernels() { return {entry<VolumeProfile>()}; }

}  // namespace ratchet
