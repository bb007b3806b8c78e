// What all trades of a replay share: the bars, the venue's terms, and what is looked up in both.
#pragma once
#include <algorithm>
#include <cstdint>

#include "replay/extremes.hpp"
#include "replay/trade.hpp"

namespace ratchet {

struct Tape {
    BarColumns bars;
    std::int64_t n, horizon;
    const Terms& terms;
    FundingRates funding;
    Extremes extremes;
    bool volume_known = false;  // where no bar has volume, it is not known, and every bar can fill
    std::int64_t interval = 0;  // of a bar

    Tape(const BarColumns& bars_, std::int64_t n_, std::int64_t horizon_, const Terms& terms_)
        : bars(bars_),
          n(n_),
          horizon(horizon_),
          terms(terms_),
          funding(bars, n, terms.funding_ts, terms.funding_rate, terms.funding_count),
          extremes(bars, n, horizon) {
        for (std::int64_t j = 0; j < n && !volume_known; ++j) volume_known = bars.volume[j] > 0.0;
        if (terms.mode == FillMode::detail) interval = usual_interval(bars.ts, n);
    }
    Tape(const Tape&) = delete;
    Tape& operator=(const Tape&) = delete;

    Bar bar(std::int64_t j) const { return bars.bar(static_cast<std::size_t>(j)); }
    bool can_fill(const Bar& bar) const { return bar.volume > 0.0 || !volume_known; }
    bool refuses(std::int64_t j) const { return terms.rejected && j < n && terms.rejected[j]; }

    /// The first bar whose signal may open a single position after one that was closed in bar j.
    std::int64_t free_from(std::int64_t j) const { return j + (terms.reenter ? 0 : 1); }

    /// The bars of the lower timeframe inside bar j: from its open, as long as it lasts.
    struct Inside {
        std::int64_t first = 0, last = 0;
    };
    Inside inside(std::int64_t j) const {
        if (terms.mode != FillMode::detail) return {};
        const std::int64_t *begin = terms.detail.ts, *end = begin + terms.detail_count;
        std::int64_t until = bars.ts[j] + interval;
        if (j + 1 < n) until = std::min(until, bars.ts[j + 1]);
        return {std::lower_bound(begin, end, bars.ts[j]) - begin, std::lower_bound(begin, end, until) - begin};
    }
    /// A bar of the lower timeframe, held to the range of the bar around it.
    Bar part(std::int64_t d, const Bar& bar) const {
        Bar part = terms.detail.bar(static_cast<std::size_t>(d));
        for (double* price : {&part.open, &part.high, &part.low, &part.close})
            *price = std::clamp(*price, bar.low, bar.high);
        return part;
    }
};

}  // namespace ratchet
