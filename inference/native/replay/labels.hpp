// Labels under the fill contract: what the next bars did to a grid of stops and targets, per bar, side and position
// age.
#pragma once
#include <cstdint>
#include <vector>

#include "replay/fills.hpp"

namespace ratchet {

/// One labelled row; the curves lie beside it, `grid` bytes each: hit, reversal, reach.
struct LabelRow {
    std::int64_t bar, end_bar;                      // the decision's bar; the last bar that the label looks at
    double reference, unit;                         // price that distances count from; one volatility unit in price
    double age_fraction, unrealised, peak, trough;  // state of the position, in units
    double mae, mfe, final;                         // over the path, in units
    std::int32_t age;
    std::int8_t side;
    std::uint8_t censored;
};

struct Labels {
    std::vector<LabelRow> rows;
    std::vector<std::uint8_t> hit, reversal, reach;  // (rows, grid)
};

/// SplitMix64 (Steele, Lea and Flood 2014): a hash, so that a row's age depends on seed, bar and side alone.
inline std::uint64_t mix(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

/// Walks the bars after `row.bar` to the row's last bar and fills in the outcomes.
inline void label_path(const BarColumns& bars, const std::vector<double>& grid, LabelRow& row, std::uint8_t* hit,
                       std::uint8_t* reversal, std::uint8_t* reach) {
    const int side = row.side;
    double worst = 0.0, best = 0.0;
    for (std::int64_t j = row.bar + 1; j <= row.end_bar; ++j) {
        const Bar bar = bars.bar(static_cast<std::size_t>(j));
        worst = std::max(worst, side * (row.reference - adverse(bar, side)));
        best = std::max(best, side * (favourable(bar, side) - row.reference));
        for (std::size_t k = 0; k < grid.size(); ++k) {
            const double distance = grid[k] * row.unit, target = row.reference + side * distance;
            // the reversal counts from the bar after the hit: inside one bar the order is unknown
            if (hit[k] && !reversal[k]) reversal[k] = trades_through(bar, side, target);
            if (!hit[k]) hit[k] = touches_stop(bar, side, row.reference - side * distance);
            if (!reach[k]) reach[k] = trades_through(bar, side, target);
        }
    }
    row.mae = worst / row.unit;
    row.mfe = best / row.unit;
    row.final = side * (bars.close[row.end_bar] - row.reference) / row.unit;
}

/// The state that a position entered `row.age` bars ago shows at the close of `row.bar`.
inline void label_state(const BarColumns& bars, double sigma_unit, double horizon, LabelRow& row) {
    if (row.age == 0) return;
    const std::int64_t first = row.bar - row.age + 1;
    const double entry = bars.open[first];
    double best = 0.0, worst = 0.0;
    for (std::int64_t j = first; j <= row.bar; ++j) {
        const Bar bar = bars.bar(static_cast<std::size_t>(j));
        best = std::max(best, row.side * (favourable(bar, row.side) - entry));
        worst = std::max(worst, row.side * (entry - adverse(bar, row.side)));
    }
    row.age_fraction = row.age / horizon;
    row.unrealised = row.side * (bars.close[row.bar] - entry) / sigma_unit;
    row.peak = best / sigma_unit;
    row.trough = worst / sigma_unit;
}

/// Four rows per bar: both sides, a fresh position (entered at the next open) and one of random age in [1, horizon).
/// A fresh row counts distances from the next open, an aged one from the close at which it is decided; both look to the
/// end of the position's horizon. Bars without sigma or without a next bar have no rows.
inline Labels make_labels(const BarColumns& bars, std::int64_t n, const double* sigma, std::int64_t horizon,
                          const std::vector<double>& grid, std::uint64_t seed) {
    Labels labels;
    const double root = std::sqrt(static_cast<double>(horizon));
    for (std::int64_t t = 0; t + 1 < n; ++t) {
        if (!(sigma[t] > 0.0) || !std::isfinite(sigma[t])) continue;
        for (int variant = 0; variant < 4; ++variant) {
            LabelRow row{};
            row.bar = t;
            row.side = variant < 2 ? 1 : -1;
            if (variant % 2) {
                std::uint64_t key =
                    mix(mix(seed ^ static_cast<std::uint64_t>(t)) ^ static_cast<std::uint64_t>(variant));
                row.age = static_cast<std::int32_t>(1 + key % static_cast<std::uint64_t>(horizon - 1));
                if (t - row.age + 1 < 0) continue;
            }
            row.reference = row.age == 0 ? bars.open[t + 1] : bars.close[t];
            row.unit = sigma[t] * root * row.reference;
            row.end_bar = t + horizon - row.age;
            row.censored = row.end_bar >= n;
            row.end_bar = std::min(row.end_bar, n - 1);
            label_state(bars, sigma[t] * root * bars.close[t], static_cast<double>(horizon), row);
            const std::size_t at = labels.rows.size() * grid.size();
            for (auto* curve : {&labels.hit, &labels.reversal, &labels.reach}) curve->resize(at + grid.size(), 0);
            label_path(bars, grid, row, &labels.hit[at], &labels.reversal[at], &labels.reach[at]);
            labels.rows.push_back(row);
        }
    }
    return labels;
}

}  // namespace ratchet
