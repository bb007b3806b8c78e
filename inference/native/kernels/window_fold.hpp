// Sums and extremes of the last values, four bars at a time. O(1) per bar.
#pragma once
#include "kernels/kernel.hpp"
#include "kernels/lanes.hpp"

namespace ratchet {

inline std::vector<Parameter> window_parameter(double low) { return {{"window", low, 1e6, true}}; }

/// Folds of values in groups, within which fours are folded first. `Fold{}(older, newer)` folds two numbers, or two
/// fours of them; `Fold::NONE` changes nothing.
template <class Fold>
struct GroupFold {
    static constexpr double NONE = Fold::NONE;
    double before = NONE;                                      // of the fours that are over
    double last = NONE, pair_ago = NONE, pair_two_ago = NONE;  // of the present four: the last, pairs that end there

    template <class T>
    RATCHET_INLINE static T fold(const T& older, const T& newer) {
        return Fold{}(older, newer);
    }
    /// Of the group once x stands at place `at`.
    double push(double x, std::size_t at) {
        const double pair = fold(last, x), now = fold(before, fold(pair_two_ago, pair));
        last = x, pair_two_ago = pair_ago, pair_ago = pair;
        if ((at + 1) % FOUR == 0) *this = {now, NONE, NONE, NONE};
        return now;
    }
    /// The same for the four from a place that is a multiple of four on.
    RATCHET_INLINE static Four push(const Four& x, double& before) {
        const Four none = Four{} + NONE, pairs = fold(__builtin_shufflevector(none, x, 3, 4, 5, 6), x);
        const Four part = fold(__builtin_shufflevector(none, pairs, 2, 3, 4, 5), pairs), now = fold(all(before), part);
        before = fold(before, part[FOUR - 1]);
        return now;
    }
    /// Of what comes after each of four, given what comes after all.
    RATCHET_INLINE static Four after_each(const Four& x, double& after) {
        const Four none = Four{} + NONE, pairs = fold(x, __builtin_shufflevector(x, none, 1, 2, 3, 4));
        const Four part = fold(pairs, __builtin_shufflevector(pairs, none, 2, 3, 4, 5));
        const Four now = fold(__builtin_shufflevector(part, none, 1, 2, 3, 4), all(after));
        after = fold(part[0], after);
        return now;
    }
    template <class A>
    void state(A& archive) {
        archive(before), archive(last), archive(pair_ago), archive(pair_two_ago);
    }
};

/// What a window of values folds to, taking none out again: with the values in groups of the largest power of two that
/// a window holds, what is left of the groups that are over (folded towards their ends) and the present group so far
/// (after van Herk 1992, Pattern Recognition Letters 13; Gil and Werman 1993). So rounding never accumulates, and a
/// window of values >= 0 never sums below 0.
template <class Fold>
class WindowFold {
  public:
    explicit WindowFold(std::size_t window)
        : size_(static_cast<std::uint32_t>(std::bit_floor(window))),
          more_(static_cast<std::uint32_t>(window) - size_),
          places_(size_ + window + FOUR, Fold::NONE) {}

    double push(double x) {
        places_[at_] = x;
        const double now = group_.push(x, at_), window = Group::fold(left()[at_], now);
        if (++at_ == size_) end_group(now);
        return window;
    }
    /// The same for x[0] to x[n - 1].
    RATCHET_CLONES void push(const double* x, double* __restrict out, std::size_t n) {
        for (std::size_t i = 0; i < n;) {
            for (; i < n && (at_ % FOUR || size_ < FOUR || n - i < FOUR); ++i) out[i] = push(x[i]);
            const std::size_t whole = std::min<std::size_t>(n - i, size_ - at_) / FOUR * FOUR;
            const double* left = this->left() + at_;
            double* items = places_.data() + at_;
            double before = group_.before;
            for (std::size_t j = 0; j < whole; j += FOUR) {
                const Four now = load(x + i + j);
                store(items + j, now);
                store(out + i + j, Group::fold(load(left + j), Group::push(now, before)));
            }
            group_.before = before;
            i += whole, at_ += static_cast<std::uint32_t>(whole);
            if (at_ == size_) end_group(before);
        }
    }
    template <class A>
    void state(A& archive) {
        archive(places_), archive(group_), archive(at_);
    }

  private:
    using Group = GroupFold<Fold>;
    void end_group(double whole) {
        if (size_ < FOUR)
            leave_few(places_.data(), left(), whole);
        else
            leave(places_.data(), left(), size_, more_, whole);
        at_ = 0, group_ = {};
    }
    void leave_few(const double* items, double* left, double whole) const {
        for (std::size_t i = 0; i < more_; ++i) left[i] = Group::fold(left[size_ + i], whole);
        double after = Fold::NONE;
        for (std::size_t i = size_; i-- > 0; after = Group::fold(items[i], after)) left[more_ + i] = after;
    }
    RATCHET_CLONES static void leave(const double* items, double* left, std::size_t size, std::size_t more,
                                     double whole) {
        for (std::size_t i = 0; i < more; i += FOUR) store(left + i, Group::fold(load(left + size + i), all(whole)));
        left += more;  // over what was written beyond
        double after = Fold::NONE;
        for (std::size_t i = size; i > 0;) {
            i -= FOUR;
            store(left + i, Group::after_each(load(items + i), after));
        }
    }
    /// What the windows that end with each place of the present group hold of the groups before; behind it what those
    /// of the next group hold of the last one.
    double* left() { return places_.data() + size_; }

    std::uint32_t size_, more_;   // of a group, and what a window has beyond
    std::vector<double> places_;  // the values of the group, then what is left
    Group group_;
    std::uint32_t at_ = 0;
};

/// A kernel that tells it.
template <class Fold>
struct RollingFold {
    static constexpr int ARITY = 1;
    static std::vector<Parameter> parameters() { return window_parameter(1); }
    static Settings examples() { return {{1}, {2}, {3}, {5}, {17}, {50}}; }
    static int warm_up(const std::vector<double>& p) { return static_cast<int>(p[0]) - 1; }

    explicit RollingFold(const std::vector<double>& p)
        : window(static_cast<std::size_t>(p[0])), unready(static_cast<std::uint32_t>(p[0]) - 1) {}
    double update(double x) {
        const double all = window.push(x);
        if (unready == 0) return all;
        --unready;
        return NaN;
    }
    void run(const double* x, double* __restrict out, std::size_t n) {
        window.push(x, out, n);
        const auto unknown = static_cast<std::uint32_t>(std::min<std::size_t>(n, unready));
        std::fill_n(out, unknown, NaN);
        unready -= unknown;
    }
    template <class A>
    void state(A& archive) {
        archive(window), archive(unready);
    }
    WindowFold<Fold> window;
    std::uint32_t unready;  // bars that tell nothing yet
};

}  // namespace ratchet
