// Parabolic SAR (Wilder 1978, section II): a stop that follows the trend faster with every new extreme.
#pragma once
#include "kernels/kernel.hpp"

namespace ratchet {

/// As TA-Lib begins it: the first trend is down where the second bar moved further down than up, the first stop is the
/// first bar's far end. A bar that touches the stop turns the trend, and the stop to the extreme of the old one.
struct ParabolicSar {
    static constexpr const char* NAME = "parabolic_sar";
    static constexpr const char* FORMULA =
        "stop += a (extreme - stop), never inside the ranges of the bar and the one before; a grows by `step` with "
        "each "
        "new extreme of the trend, up to `most`; of (high, low). output 0: the stop of this bar; 1: side, 1 below the "
        "price, -1 above; 2: the stop of the next bar";
    static constexpr int ARITY = 2;
    static std::vector<Parameter> parameters() {
        return {{"step", 0, 1, false}, {"most", 0, 1, false}, {"output", 0, 2, true}};
    }
    static Settings examples() {
        return {{0.02, 0.2, 0}, {0.02, 0.2, 1}, {0.02, 0.2, 2}, {0.3, 0.1, 0}, {0.0, 0.2, 2}};
    }
    static int warm_up(const std::vector<double>&) { return 1; }

    using Reading = Output;

    explicit ParabolicSar(const std::vector<double>& p) : step(std::min(p[0], p[1])), most(p[1]) {}
    bool update(double high, double low) {
        if (bars < 2 && !begin(high, low)) return false;
        side > 0.0 ? follow<true>(high, low) : follow<false>(high, low);
        last_high = high, last_low = low;
        return true;
    }
    double read(const Output& output) const { return output.index == 0 ? level : output.index == 1 ? side : next; }
    template <class A>
    void state(A& archive) {
        archive(bars), archive(side), archive(level), archive(next), archive(extreme), archive(speed);
        archive(last_high), archive(last_low);
    }

  private:
    /// One bar of a trend; UP: the stop lies below.
    template <bool UP>
    void follow(double high, double low) {
        const double top = std::max(last_high, high), bottom = std::min(last_low, low);
        if (UP ? low <= next : high >= next) {
            level = UP ? std::max(extreme, top) : std::min(extreme, bottom);
            side = UP ? -1.0 : 1.0;
            extreme = UP ? low : high;
            speed = step;
            next = level + speed * (extreme - level);
            next = UP ? std::max(next, top) : std::min(next, bottom);
            return;
        }
        level = next;
        if (UP ? high > extreme : low < extreme) {
            extreme = UP ? high : low;
            speed = std::min(speed + step, most);
        }
        next = level + speed * (extreme - level);
        next = UP ? std::min(next, bottom) : std::max(next, top);
    }
    /// Whether the trend has begun: with the second bar.
    bool begin(double high, double low) {
        if (bars++ > 0) {
            const double up = high - last_high, down = last_low - low;
            side = down > 0.0 && up < down ? -1.0 : 1.0;
            next = side > 0.0 ? last_low : last_high;
            extreme = side > 0.0 ? high : low;
            speed = step;
        }
        last_high = high, last_low = low;
        return bars == 2;
    }
    double step, most;
    std::uint32_t bars = 0;
    double side = 1.0, level = 0.0, next = 0.0, extreme = 0.0, speed = 0.0;  // level: of this bar
    double last_high = 0.0, last_low = 0.0;
};

inline std::vector<KernelInfo> parabolic_kernels() { return {entry<ParabolicSar>()}; }

}  // namespace ratchet
