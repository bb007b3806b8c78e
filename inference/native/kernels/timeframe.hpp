// Higher timeframes. `resample` speaks only on the bar at which a bar of the higher timeframe has closed; on all others
// it is missing, and by the gate's rule every kernel behind it keeps its state. `latest` brings the result back to
// every bar. `session` needs neither: it speaks on every bar. `resample` and `latest` are, like those of missing.hpp,
// not guarded by the gate: the clock goes on where a column is missing.
#pragma once
#include <array>

#include "kernels/kernel.hpp"

namespace ratchet {

/// Calls `with(merge)`, where merge(value, x) is a span's column after one more bar: how 0 first, 1 largest, 2
/// smallest, 3 last, 4 sum.
template <class With>
auto with_merge(int how, With with) {
    switch (how) {
        case 0:
            return with([](double value, double) { return value; });
        case 1:
            return with([](double value, double x) { return std::max(value, x); });
        case 2:
            return with([](double value, double x) { return std::min(value, x); });
        case 3:
            return with([](double, double x) { return x; });
        default:
            return with([](double value, double x) { return value + x; });
    }
}

/// The spans (k interval + offset, (k + 1) interval + offset] of time. A bar is of the span in which it closes.
struct Spans {
    double interval, offset;
    double end = NONE;  // of the present span; before the first bar there is none

    /// Whether this close is in another span than the one before it, which then is the present one.
    bool enter(double time) {
        if (time <= end) return false;  // a clock that is put back stays in the span
        end = std::ceil((time - offset) / interval) * interval + offset;
        return true;
    }
    /// How many bars from here on close in the present span and before its end.
    std::size_t inside(const double* time, std::size_t n) const {
        std::size_t m = 0;
        while (m < n && time[m] < end) ++m;
        return m;
    }
    template <class A>
    void state(A& archive) {
        archive(end);
    }
    static constexpr double NONE = -1e300;
};

/// One column of the higher timeframe's bars: of (column, time), time = close of the bar in microseconds since 1970.
/// A span is closed by the bar that closes at its end or, where that bar never came, by the first bar of a later one,
/// whether or not the column is missing on it: so the spans of all columns close together. A span without a known value
/// is missing.
class Resample final : public Node {
  public:
    static constexpr const char* NAME = "resample";
    static constexpr const char* FORMULA =
        "how 0 first, 1 largest, 2 smallest, 3 last, 4 sum of the column's known values over spans of `interval_us`; "
        "missing but when one closes";
    static constexpr int ARITY = 2;
    static std::vector<Parameter> parameters() {
        return {{"interval_us", 1, 1e15, true}, {"offset_us", 0, 1e15, true}, {"how", 0, 4, true}};
    }
    static Settings examples() {
        return {{180e6, 0, 0}, {300e6, 60e6, 1}, {300e6, 0, 2}, {60e6, 0, 3}, {420e6, 120e6, 4}};
    }
    static int warm_up(const std::vector<double>&) { return 0; }  // depends on the clock: see GraphSpec::warm_ups

    explicit Resample(const std::vector<double>& p) : how_(static_cast<int>(p[2])), spans_{p[0], p[1]} {}
    void run(const double* const* in, Column* const* out, std::size_t n, Known known) override {
        double* to = out[0]->buffer;
        bool any = false;
        for (std::size_t i = 0; i < n;) {
            const std::size_t m = spans_.inside(in[1] + i, n - i);
            merge(in[0] + i, m, known);
            missing(to + i, m);
            if ((i += m) == n) break;
            to[i] = finite(in[1][i]) ? finite_or_nan(update(in[0][i], in[1][i])) : NaN;
            any |= finite(to[i++]);
        }
        out[0]->known = any ? Known::some : Known::none;
    }
    void save(Writer& archive) override { archive(spans_), archive(value_), archive(filled_); }
    void load(Reader& archive) override { archive(spans_), archive(value_), archive(filled_); }

  private:
    double update(double x, double time) {
        double closed = NaN;
        if (spans_.enter(time)) {
            if (filled_) closed = value_;  // its last bar never came
            filled_ = false;
        }
        merge(&x, 1, Known::some);
        if (time == spans_.end) {
            closed = filled_ ? value_ : NaN;
            filled_ = false;
        }
        return closed;
    }
    /// Takes what is known of n bars into the present span.
    void merge(const double* x, std::size_t n, Known known) {
        std::size_t i = 0;
        for (; i < n && !filled_; ++i)
            if (finite(x[i])) value_ = x[i], filled_ = true;
        with_merge(how_, [&](auto merged) {
            double value = value_;
            if (known == Known::all)
                for (; i < n; ++i) value = merged(value, x[i]);
            else
                for (; i < n; ++i) value = finite(x[i]) ? merged(value, x[i]) : value;
            value_ = value;
        });
    }
    int how_;
    Spans spans_;
    double value_ = 0.0;
    bool filled_ = false;
};

/// A session by the clock, which every bar sees: its own so far, and the one before. Spans are those of `resample`.
struct Session {
    static constexpr const char* NAME = "session";
    static constexpr const char* FORMULA =
        "how 0 first, 1 largest, 2 smallest, 3 last, 4 sum of the column over spans of `interval_us`. output 0: of the "
        "bars so far of the span in which this one closes; 1: of the last span before it that had bars (while there is "
        "none, as 0)";
    static constexpr int ARITY = 2;
    static std::vector<Parameter> parameters() {
        return {
            {"interval_us", 1, 1e15, true}, {"offset_us", 0, 1e15, true}, {"how", 0, 4, true}, {"output", 0, 1, true}};
    }
    static Settings examples() {
        return {{180e6, 0, 0, 0}, {300e6, 60e6, 1, 1}, {300e6, 0, 2, 1}, {60e6, 0, 3, 1}, {420e6, 120e6, 4, 0}};
    }
    static int warm_up(const std::vector<double>&) { return 0; }

    using Reading = Output;

    explicit Session(const std::vector<double>& p) : how(static_cast<int>(p[2])), spans{p[0], p[1]} {}
    bool update(double x, double time) {
        const bool first = spans.end == Spans::NONE;
        if (spans.enter(time)) {
            has_before = !first;
            before = value;
            value = x;
        } else {
            with_merge(how, [&](auto merged) { value = merged(value, x); });
        }
        return true;
    }
    double read(const Output& output) const { return output.index && has_before ? before : value; }
    void run(const double* x, const double* time, const Told<Output>& told, std::size_t n) {
        for (std::size_t i = 0; i < n;) {
            const std::size_t m = spans.inside(time + i, std::min(n - i, MOST));
            with_merge(how, [&](auto merged) {
                std::array<double, MOST> so_far;
                for (std::size_t j = 0; j < m; ++j) so_far[j] = value = merged(value, x[i + j]);
                for (std::size_t r = 0; r < told.readings.size(); ++r) {
                    double* to = told.out[r]->buffer + i;
                    if (told.readings[r].index && has_before)
                        std::fill_n(to, m, before);
                    else
                        std::copy_n(so_far.data(), m, to);
                }
            });
            i += m;
            if (i == n || m == MOST) continue;
            told.update(*this, i, x[i], time[i]);
            ++i;
        }
    }
    template <class A>
    void state(A& archive) {
        archive(spans), archive(value), archive(before), archive(has_before);
    }

  private:
    static constexpr std::size_t MOST = 256;  // bars at once
    int how;
    Spans spans;
    double value = 0.0, before = 0.0;
    bool has_before = false;
};

/// The last value that was not missing.
class Latest final : public Node {
  public:
    explicit Latest(const std::vector<double>&) {}
    void run(const double* const* in, Column* const* out, std::size_t n, Known known) override {
        const double* from = in[0];
        double *to = out[0]->buffer, value = known_ ? value_ : NaN;
        if (known == Known::none) {
            std::fill_n(to, n, value);
        } else if (known == Known::all && n > 0) {
            std::copy_n(from, n, to);
            value = from[n - 1];
        } else {
            for (std::size_t i = 0; i < n; ++i) to[i] = value = finite(from[i]) ? from[i] : value;
        }
        out[0]->known = !finite(value) ? Known::none : whether_all(finite(to[0]));
        known_ = finite(value);
        if (known_) value_ = value;
    }
    void save(Writer& archive) override { archive(value_), archive(known_); }
    void load(Reader& archive) override { archive(value_), archive(known_); }

  private:
    double value_ = 0.0;
    bool known_ = false;
};

inline std::vector<KernelInfo> timeframe_kernels() {
    KernelInfo latest{"latest",
                      "the last value that was not missing",
                      1,
                      false,
                      {},
                      {{}},
                      [](const std::vector<double>&) { return 0; },
                      [](const std::vector<double>& p) { return std::make_unique<Latest>(p); }};
    KernelInfo resample{Resample::NAME,
                        Resample::FORMULA,
                        Resample::ARITY,
                        false,
                        Resample::parameters(),
                        Resample::examples(),
                        [](const std::vector<double>& p) { return Resample::warm_up(p); },
                        [](const std::vector<double>& p) { return std::make_unique<Resample>(p); }};
    return {resample, entry<Session>(), latest};
}

}  // namespace ratchet
