// A window of the last numbers, in the order in which they came.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ratchet {

/// A window of the last `size` numbers, oldest first to go.
struct Ring {
    std::vector<double> items;
    std::uint32_t at = 0, filled = 0;

    explicit Ring(std::size_t size) : items(size, 0.0) {}
    bool full() const { return filled == items.size(); }
    /// How many must come before the one that fills it.
    std::size_t unready() const { return full() ? 0 : items.size() - 1 - filled; }
    /// Puts x in; returns what it replaces (0 while filling).
    double push(double x) {
        double old = items[at];
        items[at] = x;
        at = at + 1 == items.size() ? 0 : at + 1;
        filled += filled < items.size();
        return old;
    }
    /// How many may come before the present turn is over.
    std::size_t room() const { return items.size() - at; }
    /// Puts n <= room() in. Returns whether the turn is over.
    bool put(const double* x, std::size_t n) {
        std::copy_n(x, n, items.data() + at);
        filled = static_cast<std::uint32_t>(std::min(items.size(), filled + n));
        at = n == room() ? 0 : at + static_cast<std::uint32_t>(n);
        return at == 0;
    }
    template <class A>
    void state(A& archive) {
        archive(items), archive(at), archive(filled);
    }
};

}  // namespace ratchet
