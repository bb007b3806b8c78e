// Rolling extremes and their age: amortised O(1) per bar.
#pragma once
#include "kernels/ring.hpp"
#include "kernels/window_fold.hpp"

namespace ratchet {

/// The candidates for the extreme of a window, best first; `Better(a, b)`: a beats b (Lemire 2006, arXiv cs/0610046).
template <class Better>
struct MonotonicQueue {
    std::vector<double> value;
    std::vector<std::int64_t> index;
    std::uint32_t head = 0, count = 0;
    std::int64_t now = -1;

    explicit MonotonicQueue(std::size_t window) : value(window), index(window) {}
    void push(double x) {
        const std::uint32_t size = static_cast<std::uint32_t>(value.size());
        ++now;
        if (count && index[head] <= now - static_cast<std::int64_t>(size)) {
            head = head + 1 == size ? 0 : head + 1;
            --count;
        }
        while (count) {
            std::uint32_t last = head + count - 1;
            last -= last >= size ? size : 0;
            if (Better{}(value[last], x)) break;
            --count;
        }
        std::uint32_t at = head + count;
        at -= at >= size ? size : 0;
        value[at] = x;
        index[at] = now;
        ++count;
    }
    bool full() const { return now + 1 >= static_cast<std::int64_t>(value.size()); }
    template <class A>
    void state(A& archive) {
        archive(value), archive(index), archive(head), archive(count), archive(now);
    }
};

struct Smallest {
    static constexpr double NONE = std::numeric_limits<double>::max();
    template <class T>
    RATCHET_INLINE T operator()(const T& older, const T& newer) const {
        return older < newer ? older : newer;
    }
};
struct Largest {
    static constexpr double NONE = std::numeric_limits<double>::lowest();
    template <class T>
    RATCHET_INLINE T operator()(const T& older, const T& newer) const {
        return older > newer ? older : newer;
    }
};

struct RollingMin : RollingFold<Smallest> {
    static constexpr const char* NAME = "rolling_min";
    static constexpr const char* FORMULA = "smallest of the last `window` values";
    static constexpr bool ALWAYS_FINITE = true;
    using RollingFold::RollingFold;
};
struct RollingMax : RollingFold<Largest> {
    static constexpr const char* NAME = "rolling_max";
    static constexpr const char* FORMULA = "largest of the last `window` values";
    static constexpr bool ALWAYS_FINITE = true;
    using RollingFold::RollingFold;
};

/// The better of what stays of the last turn of the ring (extremes of its suffixes) and of what came in this turn, with
/// its place: two comparisons a bar and none that must be foretold.
template <class Better>
struct BarsSinceExtreme {
    static constexpr int ARITY = 1;
    static constexpr bool ALWAYS_FINITE = true;
    static std::vector<Parameter> parameters() { return window_parameter(1); }
    static Settings examples() { return {{1}, {2}, {3}, {17}}; }
    static int warm_up(const std::vector<double>& p) { return static_cast<int>(p[0]) - 1; }
    explicit BarsSinceExtreme(const std::vector<double>& p)
        : window(static_cast<std::size_t>(p[0])), suffix(window.items.size() + 1, WORST), suffix_at(suffix.size()) {}
    double update(double x) {
        const std::uint32_t at = window.at;
        const bool kept = Better{}(turn, x);  // of equals the latest
        turn = kept ? turn : x;
        turn_at = kept ? turn_at : at;
        const bool older = Better{}(suffix[at + 1], turn);
        const auto size = static_cast<std::uint32_t>(window.items.size());
        const auto age = static_cast<double>(older ? at + size - suffix_at[at + 1] : at - turn_at);
        window.push(x);
        if (window.at == 0) start_turn();
        return window.full() ? age : NaN;
    }
    void run(const double* x, double* __restrict out, std::size_t n) {
        const std::size_t unready = std::min(n, window.unready());
        const auto size = static_cast<std::uint32_t>(window.items.size());
        for (std::size_t i = 0, m = 0; i < n; i += m) {
            m = std::min(n - i, window.room());
            const double* kept = suffix.data() + window.at + 1;
            const std::uint32_t* kept_at = suffix_at.data() + window.at + 1;
            double extreme = turn;
            std::uint32_t at = window.at, extreme_at = turn_at;
            for (std::size_t j = 0; j < m; ++j, ++at) {
                const bool same = Better{}(extreme, x[i + j]);
                extreme = same ? extreme : x[i + j];
                extreme_at = same ? extreme_at : at;
                const std::uint32_t age = Better{}(kept[j], extreme) ? at + size - kept_at[j] : at - extreme_at;
                out[i + j] = static_cast<double>(static_cast<std::int32_t>(age));
            }
            turn = extreme, turn_at = extreme_at;
            if (window.put(x + i, m)) start_turn();
        }
        std::fill_n(out, unready, NaN);
    }
    template <class A>
    void state(A& archive) {
        archive(window), archive(suffix), archive(suffix_at), archive(turn), archive(turn_at);
    }

  private:
    static constexpr double WORST =
        Better{}(0.0, 1.0) ? std::numeric_limits<double>::max() : std::numeric_limits<double>::lowest();
    void start_turn() {
        turn = WORST;
        std::uint32_t i = static_cast<std::uint32_t>(window.items.size()) - 1, best_at = i;
        double best = window.items[i];
        for (;; --i) {
            const bool better = Better{}(window.items[i], best);
            best = better ? window.items[i] : best;
            suffix[i] = best;
            suffix_at[i] = best_at = better ? i : best_at;
            if (i == 0) return;
        }
    }
    Ring window;
    std::vector<double> suffix;            // extreme of the last turn from each place on
    std::vector<std::uint32_t> suffix_at;  // and its place
    double turn = WORST;
    std::uint32_t turn_at = 0;
};

struct BarsSinceMin : BarsSinceExtreme<std::less<>> {
    static constexpr const char* NAME = "bars_since_min";
    static constexpr const char* FORMULA = "bars since the (latest) smallest of the last `window` values";
    using BarsSinceExtreme::BarsSinceExtreme;
};
struct BarsSinceMax : BarsSinceExtreme<std::greater<>> {
    static constexpr const char* NAME = "bars_since_max";
    static constexpr const char* FORMULA = "bars since the (latest) largest of the last `window` values";
    using BarsSinceExtreme::BarsSinceExtreme;
};

inline std::vector<KernelInfo> extrema_kernels() {
    return {entry<RollingMin>(), entry<RollingMax>(), entry<BarsSinceMin>(), entry<BarsSinceMax>()};
}

}  // namespace ratchet
