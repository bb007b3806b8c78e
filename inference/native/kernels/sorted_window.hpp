// A window in order: a short one in one piece, a longer one in chunks. The longest ones: sorted_tree.hpp.
#pragma once
#include <algorithm>
#include <functional>

#include "kernels/kernel.hpp"
#include "kernels/lanes.hpp"
#include "kernels/ring.hpp"

namespace ratchet {

/// A window of up to MOST values in order. A new value and the old one that leaves are in their places after one pass
/// over all of them, of which no step waits for another and none must be foretold: O(window), in vectors.
class SortedShort {
  public:
    static constexpr std::size_t MOST = 128;

    explicit SortedShort(std::size_t size) : window_(size), sorted_((size + FOUR - 1) / FOUR * FOUR + FOUR, ABOVE) {}
    bool full() const { return window_.full(); }
    double operator[](std::size_t rank) const { return sorted_[rank]; }
    void push(double x) {
        const bool full = window_.full();
        const double old = window_.push(x);
        replace(sorted_.data(), window_.items.size(), full ? old : ABOVE, x);
    }
    template <class A>
    void state(A& archive) {
        archive(window_), archive(sorted_);
    }

  private:
    static constexpr double ABOVE = std::numeric_limits<double>::max();  // stands for values that are yet to come

    /// Neighbours are shifted in from the vectors beside: a load across two stores would have to wait for both.
    RATCHET_CLONES static void replace(double* values, std::size_t n, double old, double x) {
        if (x > old) {  // what lies between them moves down by one
            Four next = load(values);
            for (std::size_t i = 0; i < n; i += FOUR) {
                const Four here = next;
                next = load(values + i + FOUR);
                const Four after = __builtin_shuffle(here, next, Flags{1, 2, 3, 4});
                const Four moved = Larger()(here, Smaller()(after, all(x)));
                store(values + i, here < old ? here : moved);
            }
        } else {
            Four last = all(-ABOVE);
            for (std::size_t i = 0; i < n; i += FOUR) {
                const Four here = load(values + i);
                const Four before = __builtin_shuffle(last, here, Flags{3, 4, 5, 6});
                const Four moved = Smaller()(here, Larger()(before, all(x)));
                store(values + i, here > old ? here : moved);
                last = here;
            }
        }
    }
    Ring window_;
    Aligned sorted_;  // and up to a full vector and one more, values beyond all
};

/// A window in order, in chunks of equal length: a value that leaves one chunk and another that enters a later one move
/// the values between them inside these two, and one value from each chunk to the next. A chunk has twice the room it
/// needs, so that its values stay side by side while it passes them on; they return to the middle once they have come
/// to an end of it. O(window), of which very little: up to MOST values faster than a tree.
class SortedChunks {
  public:
    static constexpr std::size_t MOST = 4096;

    explicit SortedChunks(std::size_t size)
        : window_(size),
          first_((size + MASK) >> BITS, static_cast<std::uint32_t>(LENGTH / 2)),
          items_(first_.size() * 2 * LENGTH, NOTHING) {}

    bool full() const { return window_.full(); }
    std::size_t size() const { return window_.items.size(); }
    /// The value with `rank` values before it.
    double operator[](std::size_t rank) const { return chunk(rank >> BITS)[rank & MASK]; }

    void push(double x) {
        const bool full = window_.full();
        const double old = window_.push(x);
        const std::size_t gone = count<std::less<>>(full ? old : NOTHING), place = count<std::less<>>(x);
        replace(gone, place > gone ? place - 1 : place, x);
    }
    /// How many values come before x: are less, or less or equal.
    template <class Before>
    std::size_t count(double x) const {
        constexpr std::size_t STEP = 16;
        std::size_t at = 0;
        for (std::size_t left = first_.size() - 1; left > 0;) {
            const std::size_t half = (left + 1) / 2;
            const bool later = Before{}(chunk(at + half - 1)[MASK], x);
            at += later ? half : 0;
            left = later ? left - half : half - 1;
        }
        const double* values = chunk(at);
        std::size_t steps = 0, rest = 0;  // all of them are compared: none waits for another, and none must be foretold
        for (std::size_t i = STEP - 1; i < MASK; i += STEP) steps += Before{}(values[i], x);
        for (std::size_t i = 0; i < STEP; ++i) rest += Before{}(values[steps * STEP + i], x);
        return (at << BITS) + steps * STEP + rest;
    }
    template <class A>
    void state(A& archive) {
        archive(window_), archive(first_), archive(items_);
    }

  private:
    static constexpr std::size_t BITS = 6, LENGTH = 1 << BITS, MASK = LENGTH - 1;  // of a chunk
    static constexpr double NOTHING = std::numeric_limits<double>::max();          // fills up the end

    const double* chunk(std::size_t c) const { return items_.data() + c * 2 * LENGTH + first_[c]; }
    double* chunk(std::size_t c) { return items_.data() + c * 2 * LENGTH + first_[c]; }

    /// Takes out the value of one rank, and puts in x, which then has the other.
    void replace(std::size_t gone, std::size_t place, double x) {
        const std::size_t from = gone >> BITS, to = place >> BITS, last = MASK;
        double *leaves = chunk(from) + (gone & last), *enters = chunk(to) + (place & last);
        if (from == to && place >= gone) {
            std::move(leaves + 1, enters + 1, leaves);
        } else if (from == to) {
            std::move_backward(enters, leaves, leaves + 1);
        } else if (from < to) {
            std::move(leaves + 1, chunk(from) + last + 1, leaves);
            for (std::size_t c = from + 1; c < to; ++c) {
                chunk(c - 1)[last] = *chunk(c);
                turn(c, LENGTH, 1);
            }
            chunk(to - 1)[last] = *chunk(to);
            std::move(chunk(to) + 1, enters + 1, chunk(to));
        } else {
            std::move_backward(chunk(from), leaves, leaves + 1);
            for (std::size_t c = from - 1; c > to; --c) {
                *chunk(c + 1) = chunk(c)[last];
                turn(c, 0, -1);
            }
            *chunk(to + 1) = chunk(to)[last];
            std::move_backward(enters, chunk(to) + last, chunk(to) + last + 1);
        }
        *enters = x;
    }
    /// Gives up a chunk's first (step 1) or last (-1) place for one at its other end. `end`: where no more can be had.
    void turn(std::size_t c, std::size_t end, std::ptrdiff_t step) {
        if (first_[c] == end) {
            double *values = chunk(c), *middle = items_.data() + c * 2 * LENGTH + LENGTH / 2;
            step > 0 ? std::move(values, values + LENGTH, middle)
                     : std::move_backward(values, values + LENGTH, middle + LENGTH);
            first_[c] = static_cast<std::uint32_t>(LENGTH / 2);
        }
        first_[c] = static_cast<std::uint32_t>(first_[c] + step);
    }
    Ring window_;
    std::vector<std::uint32_t> first_;  // of each chunk: where in its room its values begin
    std::vector<double> items_;
};

}  // namespace ratchet
